"""`leaderboard.making`: what is submitted of an experiment, and what is refused."""

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from statistics import fmean

import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.leaderboard.making import make
from fangyan.leaderboard.submission import read
from fangyan.measure.retrieval import retrieve
from fangyan.measure.retrieval.tables import Pair
from fangyan.measure.significance import Interval, intervals
from fangyan.tables import read_rows


def measured(exp, spec: str, *sets):
    """The experiment: features and retrieval of the sets."""
    dump.dump(spec, sets, exp / "feats")
    retrieve(exp / "feats", sets, exp / "retrieval")
    return exp


@pytest.fixture(scope="module")
def finished(sung, tmp_path_factory):
    """An experiment that is only read: mfcc on dev and test."""
    return measured(tmp_path_factory.mktemp("made") / "mfcc", "mfcc", sung["dev"], sung["test"])


@pytest.fixture
def exp(finished, tmp_path):
    """One of its own, to be changed."""
    return shutil.copytree(finished, tmp_path / "mfcc")


def test_an_experiment_submits_what_its_tables_say(finished, sung, tmp_path):
    found = make(finished, "dev", "test", sung["test"].parent)
    pairs = {(p.source, p.target): p for p in read_rows(finished / "retrieval/test/pairs.tsv", Pair)}
    assert {(p.source, p.target): p.queries for p in found.pairs} == {key: 8 for key in pairs}
    for pair in found.pairs:
        assert pair.recall_at_1 == pytest.approx(pairs[pair.source, pair.target].recall_at_1, abs=1e-6)
        assert pair.low <= pair.recall_at_1 <= pair.high and pair.chance == 0.125
    assert found.mean.recall_at_1 == pytest.approx(fmean(p.recall_at_1 for p in pairs.values()), abs=1e-6)
    intervals(finished / "retrieval", ["test"], tmp_path / "intervals")
    row = read_rows(tmp_path / "intervals/test/intervals.tsv", Interval)[0]
    assert (found.mean.low, found.mean.high) == pytest.approx((row.low, row.high), abs=1e-6)
    assert (found.drawn, found.mean.queries) == ("8 sentences", 48) == (row.clusters, row.n)
    assert found.ranks == sha256((finished / "retrieval/test/ranks.tsv").read_bytes()).hexdigest()
    assert (found.corpus.set, found.corpus.utterances, found.corpus.sentences) == ("test", 24, 8)
    assert (found.encoder.name, found.encoder.family) == ("mfcc", "mfcc")
    assert (found.layer.name, found.layer.how) == ("mfcc", "chosen on dev")
    assert found.protocol.score == "seqsim" and found.origin.versions["torch"] and found.origin.seed is None


def test_what_a_training_recorded_is_the_origin_and_its_development_set_chose_the_layer(exp, sung):
    train = {"dev_set": "dev", "seed": 3, "threads": 2, "machine": {"cpu": "", "gpu": "none"}}
    train |= {"code": {"commit": "abc", "dirty": False}, "versions": {"torch": "2.0"}}
    (exp / "train.json").write_text(json.dumps(train))
    found = make(exp, data=sung["test"].parent)
    assert (found.corpus.set, found.layer.how) == ("test", "chosen on dev")
    assert (found.origin.seed, found.origin.threads, found.origin.commit) == (3, 2, "abc")
    assert found.origin.machine == {"gpu": "none"}


def test_a_corpus_is_the_same_wherever_it_lies_and_another_where_anything_counts(exp, sung, tmp_path, singer):
    here = make(exp, "dev", "test", sung["test"].parent)
    moved = singer(tmp_path / "elsewhere", "test")
    there = make(measured(tmp_path / "fbank", "fbank", moved), test="test", data=moved.parent)
    assert there.corpus == here.corpus and there.encoder.fingerprint != here.encoder.fingerprint
    assert there.layer.how == "scored alone" and there.protocol == here.protocol
    prints = {here.corpus.fingerprint}
    for change in ({"sentence": "s01"}, {"duration": 9.0}, {"variety": "hak"}):
        first, *others = datadir.read(moved)
        datadir.write(tmp_path / "x/test", [replace(first, **change), *others])
        other = measured(tmp_path / "y", "fbank", tmp_path / "x/test")
        prints.add(make(other, test="test", data=tmp_path / "x").corpus.fingerprint)
    assert len(prints) == 4


def test_folds_and_layers_of_their_own_are_submitted_as_they_are_reported(exp, sung):
    data = sung["test"].parent
    alone = make(exp, "dev", "test", data)
    retrieve(exp / "feats", [sung["test"]], exp / "retrieval", layers=["mfcc", "mfcc+mfcc"])
    folded = make(exp, "", "test", data, folds=True)
    assert (folded.layer.name, folded.layer.how) == ("mfcc", "chosen by folds")
    assert (folded.mean, folded.pairs) == (
        alone.mean,
        alone.pairs,
    )  # cosines of a frame twice are those of it once
    assert make(exp, "", "test", data).layer.how == "standing last, not chosen on these data"
    home = exp / "layers/mfcc"
    retrieve(exp / "feats", [sung["test"]], home / "retrieval", layers=["mfcc"])
    words = ["submission", "--exp", f"{exp}", "--layer", "mfcc", "--data", f"{data}", "--name", "cepstra"]
    run = CliRunner().invoke(cli, words)
    assert run.exit_code == 0, run.output
    assert run.stdout == f"{home / 'submission.json'}: written\n"
    assert read(home / "submission.json").encoder.name == "cepstra"


def test_what_is_not_finished_or_of_another_making_is_refused(exp, sung, tmp_path):
    data = sung["test"].parent
    with pytest.raises(
        UserError, match="one set is submitted, scored are dev, test: name it with --test, and"
    ):
        make(exp, data=data)
    with pytest.raises(UserError, match="gone: no such experiment: known are mfcc"):
        make(tmp_path / "gone", data=data)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty/retrieval: no set was scored there: run the stage measure$"):
        make(tmp_path / "empty", data=data)
    with pytest.raises(UserError, match="no results of this set"):
        make(exp, "dev", "far", data)
    with pytest.raises(
        UserError, match="nowhere/test: no such data directory: name the folder that test lies"
    ):
        make(exp, "dev", "test", tmp_path / "nowhere")
    shutil.copytree(sung["test"], tmp_path / "test")
    lines = (tmp_path / "test/utt2lang").read_text().replace("yue", "wuu")
    (tmp_path / "test/utt2lang").write_text(lines)
    with pytest.raises(DataError, match=r"test: the tables are those that \S+ was scored with, got others"):
        make(exp, "dev", "test", tmp_path)
    dump.dump("fbank", [sung["test"]], tmp_path / "feats")
    shutil.copytree(tmp_path / "feats/test/fbank", exp / "feats/test/mfcc", dirs_exist_ok=True)
    shutil.copy(tmp_path / "feats/test/.journal", exp / "feats/test/.journal")
    with pytest.raises(
        DataError, match=r"feats/test: the features are those that \S+ was scored by, got other"
    ):
        make(exp, "dev", "test", data)
    shutil.rmtree(exp / "feats/test")
    with pytest.raises(UserError, match="feats/test: no such folder: its encoder is known by the features"):
        make(exp, "dev", "test", data)
    (exp / "retrieval/test/.done").unlink()
    with pytest.raises(DataError, match="retrieval/test: not finished by the stage measure: run it first"):
        make(exp, "dev", "test", data)
