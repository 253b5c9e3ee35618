"""Retrieval across modalities, held to a slow reference; the text side is a package's encoder."""

import numpy as np
import pytest
from joint import SENTENCES, counts, encoded, joint_space

from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.measure import Subject, measure, plan
from fangyan.measure.cross_modal import KindInterval, cross_modal
from fangyan.measure.retrieval.tables import Pair
from fangyan.tables import read_rows


@pytest.fixture
def home(tmp_path, package):
    return joint_space(tmp_path, package, noise=1.0)


def run(home, **options):
    return cross_modal("letters", home / "feats", [home / "data/test"], home / "cross_modal", **options)


def cosine(a, b):
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def test_speech_finds_text_and_text_speech_as_a_slow_search_does(home):
    assert run(home)
    spoken = dump.read_features(home / "feats/test", "joint")
    sides = {v: {f"s{n}": spoken[f"{v}-{n}"] for n in range(4)} for v in ("cmn", "yue")}
    sides["text_cmn"] = {f"s{n}": counts(text) for n, text in enumerate(SENTENCES)}
    rows = read_rows(home / "cross_modal/retrieval/test/pairs.tsv", Pair)
    assert {(row.source, row.target) for row in rows} == {(a, b) for a in sides for b in sides if a != b}
    for row in rows:
        ranks = [
            1
            + sum(
                cosine(x, y) >= cosine(x, sides[row.target][key])
                for k, y in sides[row.target].items()
                if k != key
            )
            for key, x in sides[row.source].items()
        ]
        assert row.layer == "joint|joint" and row.n == 4 and row.chance == 0.25
        assert row.recall_at_1 == np.mean([rank == 1 for rank in ranks])
        assert row.mrr == pytest.approx(np.mean([1 / rank for rank in ranks]), abs=1e-5)


def test_each_kind_of_pairs_has_means_and_intervals(home):
    run(home)
    rows = read_rows(home / "cross_modal/kinds/test/kinds.tsv", KindInterval)
    pairs = read_rows(home / "cross_modal/retrieval/test/pairs.tsv", Pair)
    means = {(row.kind, row.metric): row for row in rows}
    assert {kind for kind, _ in means} == {"speech to speech", "speech to text", "text to speech"}
    to_text = [pair.recall_at_1 for pair in pairs if pair.target == "text_cmn"]
    found = means["speech to text", "recall_at_1"]
    assert found.mean == pytest.approx(np.mean(to_text), abs=1e-5) and found.low <= found.mean <= found.high
    assert (found.n, found.clusters, found.chance) == (8, "4 sentences", 0.25)


def test_texts_are_encoded_once_and_what_changed_is_noticed(home):
    assert run(home) and not run(home)
    assert sorted(encoded(home)) == sorted(SENTENCES)
    column = home / "data/test/text_cmn"
    column.write_text(column.read_text().replace("她唱歌", "她看书"))
    assert run(home) and not run(home)
    assert len(encoded(home)) == 8


def test_a_layer_that_is_not_there_is_named_before_texts_are_encoded(home):
    with pytest.raises(UserError, match="no layer 'joined' in .*feats/test: did you mean 'joint'"):
        run(home, layer="joined")
    assert not encoded(home)
    with pytest.raises(UserError, match="--layer sentence: "):
        run(home, layer="joint|sentence")
    with pytest.raises(UserError, match="--column text_eng: a text column is a file of the data directory"):
        run(home, column="text_eng")
    with pytest.raises(UserError, match="unknown encoder 'nobody'"):
        run(home, text="nobody:x")


def test_layers_of_other_dimensions_are_refused(home, tmp_path):
    import shutil

    from banks import archive

    shutil.rmtree(home / "feats/test/joint")
    archive(
        home / "feats/test", "joint", {f"{v}-{n}": np.ones((1, 5)) for v in ("cmn", "yue") for n in range(4)}
    )
    with pytest.raises(DataError, match="must lie in one space, so have one dimension, got 5 in .* 97 in"):
        run(home)


def test_it_is_a_line_of_the_list(home):
    (home / "measure.yaml").write_text("- cross_modal\n- cross_modal: {column: text, layer: joint}\n")
    measurements = plan.read(home / "measure.yaml")
    found = list(measure(measurements, Subject(home, "letters"), [], [home / "data/test"]))
    assert found == [(home / "cross_modal", True), (home / "cross_modal_text", True)]
    pairs = read_rows(home / "cross_modal_text/retrieval/test/pairs.tsv", Pair)
    assert {row.target for row in pairs} == {"cmn", "yue", "text:cmn", "text:yue"}
