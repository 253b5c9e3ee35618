"""`prepare`, and the registry of corpora; test_contract.py has the contract of every module."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from fangyan import corpora
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError


def test_an_unknown_corpus_is_answered_with_the_known_ones():
    with pytest.raises(
        UserError, match="unknown corpus 'aishel': did you mean 'aishell'. known are .*mini_sinitic"
    ):
        corpora.load("aishel")


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A corpus with one file of each kind that `prepare` has to handle."""
    audio.write(tmp_path / "good.wav", np.zeros(16_000))
    soundfile.write(tmp_path / "stereo.wav", np.zeros((44_100, 2)), 44_100)
    (tmp_path / "broken.wav").write_text("hello")

    def splits(root, jobs=1, limit=0, *, only_good=False):
        if only_good:
            return {"test": [Utterance("s-good", str(root / "good.wav"), "好", "s", "site1", "good")]}
        names = {"good": None, "stereo": None, "broken": None, "gone": None, "cut": 0.5}
        files = {"cut": "good"}
        return {
            "test": [
                Utterance(f"s-{n}", str(root / f"{files.get(n, n)}.wav"), "好", "s", "cmn", n, end=end)
                for n, end in names.items()
            ]
            + [Dropped("s-none", "empty transcript")]
        }

    module = ModuleType("fangyan.corpora.odd", "odd")
    module.splits = splits
    module.groups = lambda root: {"site1": "north", "site2": "south"}
    monkeypatch.setitem(sys.modules, "fangyan.corpora.odd", module)
    monkeypatch.setattr(corpora, "names", lambda: ["odd"])
    return tmp_path


@pytest.mark.parametrize("jobs", [1, 2])
def test_audio_is_probed_converted_cut_and_dropped_by_reason(odd, jobs, capsys):
    home = corpora.prepare("odd", odd, odd / "data", jobs)["test"]
    utterances = {u.sentence: u for u in datadir.read(home)}
    assert {name: u.duration for name, u in utterances.items()} == {"good": 1.0, "stereo": 1.0, "cut": 0.5}
    assert utterances["good"].wav == str(odd / "good.wav")
    assert Path(utterances["cut"].wav).is_relative_to(odd / "data" / ".wav" / "test")
    assert audio.probe(utterances["stereo"].wav) == audio.Info(16_000, 1, 16_000)
    assert [(d.id, d.reason) for d in datadir.read_dropped(home)] == [
        ("s-broken", "unreadable audio"),
        ("s-gone", "unreadable audio"),
        ("s-none", "empty transcript"),
    ]
    assert "3 utterances, 0.00 h; left out: 2 unreadable audio, 1 empty transcript" in capsys.readouterr().out


def test_limit_keeps_the_first_sentences(odd):
    home = corpora.prepare("odd", odd, odd / "data", limit=2)["test"]
    assert {u.sentence for u in datadir.read(home)} == {"good", "stereo"}


def test_nothing_left_is_an_error_that_says_why(odd):
    for name in ("good", "stereo"):
        (odd / f"{name}.wav").unlink()
    with pytest.raises(DataError, match="no utterances remain .5 unreadable audio, 1 empty transcript"):
        corpora.prepare("odd", odd, odd / "data")
    assert not (odd / "data" / "test").exists()


def test_killed_preparation_is_repeated_and_gives_the_same(odd, monkeypatch):
    home = corpora.prepare("odd", odd, odd / "calm")["test"]

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(datadir, "write", killed)
        corpora.prepare("odd", odd, odd / "killed")
    assert not (odd / "killed" / "test").exists()
    again = corpora.prepare("odd", odd, odd / "killed")["test"]
    assert [(u.id, u.duration) for u in datadir.read(again)] == [
        (u.id, u.duration) for u in datadir.read(home)
    ]


def test_a_corpus_has_options_of_its_own(odd):
    chosen = corpora.options("odd", ["only_good=true"])
    assert chosen == {"only_good": True}
    home = corpora.prepare("odd", odd, odd / "data", **chosen)["test"]
    assert [u.id for u in datadir.read(home)] == ["s-good"]
    assert corpora.options("odd", ["only_good=x=1"]) == {"only_good": "x=1"}
    assert corpora.options("odd", []) == {}


@pytest.mark.parametrize("choice", ["limit=3", "only_good", "bogus=1", "=1"])
def test_an_unknown_option_is_answered_with_the_known_ones(odd, choice):
    with pytest.raises(UserError, match="corpus odd: an option is NAME=VALUE, got .*: known are only_good$"):
        corpora.options("odd", [choice])


def test_groups_of_a_corpus_go_into_the_data_directory(odd):
    assert datadir.read_groups(corpora.prepare("odd", odd, odd / "all")["test"]) == {}
    home = corpora.prepare("odd", odd, odd / "good", only_good=True)["test"]
    assert datadir.read_groups(home) == {"site1": "north"}
    before = datadir.identity(home)
    (home / "lang2group").write_text("site1 west\n")
    assert datadir.identity(home) != before
