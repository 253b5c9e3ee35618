"""`fangyan.bench.align`: both steps change weights, of the same utterances; no timings."""

import torch

from fangyan.bench import align
from fangyan.bench.benchmark import Size


def test_each_step_trains_its_model_on_the_same_utterances(monkeypatch):
    monkeypatch.setattr(align, "SHORTEST", 0.5)
    monkeypatch.setattr(align, "LONGEST", 0.6)
    aligned, recognised = align.steps(Size(utterances=20), "cpu")
    assert torch.equal(aligned.batch["speech"], recognised.batch["speech"])
    assert aligned.batch["sentence"][:, 0].tolist() == [0, 1] * 3 and len(aligned.batch["speech"]) == 6
    for step in (aligned, recognised):
        before = [parameter.clone() for parameter in step.model.parameters()]
        step()
        changed = [not torch.equal(a, b) for a, b in zip(before, step.model.parameters(), strict=True)]
        assert sum(changed) > len(changed) / 2
    assert hasattr(aligned.model, "joint") and not hasattr(recognised.model, "joint")
