"""`fangyan.bench.memory`: what is subtracted from the peak, and that a process of its own gives a number."""

import pytest
import torch

from fangyan.bench import memory
from fangyan.measure.seqsim import SeqSim

(ROW,) = memory.BENCHMARKS
MIB = 2**20


def test_the_peak_is_counted_without_what_was_there_and_the_result(monkeypatch, tmp_path):
    figures = {"VmRSS": 100 * MIB, "VmHWM": 112 * MIB}
    result = SeqSim(*(torch.zeros(MIB // 4) for _ in range(3)))  # a MiB each
    monkeypatch.setattr(memory, "resident", figures.get)
    monkeypatch.setattr(memory, "seqsim_matrix", lambda queries, candidates: result)
    monkeypatch.setattr(memory, "MARK", tmp_path / "clear_refs")
    assert memory.working_memory(2) == 12 - 3
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_the_row_compares_n_and_four_n(monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "in_own_process", lambda utterances: asked.append(utterances) or 1.0)
    assert ROW.value(10) == 1 and asked == [40]


def test_a_process_of_its_own_measures_it():
    if why := ROW.obstacle():
        pytest.skip(why)
    assert 1 < memory.in_own_process(15) < 100  # a block of scores, 4 MiB at most, and what comes with it
