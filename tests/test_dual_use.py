"""All that takes a model with a text side takes a language model that reads units: measures, search, page, Space."""

import numpy as np
import pytest
import yaml

from fangyan.data import audio, datadir
from fangyan.demo.library import Library
from fangyan.demo.space import space
from fangyan.encoders import load_encoder
from fangyan.features.dump import dump, read_features
from fangyan.measure import Subject, measure, plan
from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.retrieval.tables import Pair
from fangyan.search import add, search_texts
from fangyan.tables import read_rows

TEXTS = ["我吃饭", "你喝水"]


@pytest.fixture(scope="module")
def encoder(tiny_dual):
    return load_encoder(f"llm:{tiny_dual}", "cpu")


@pytest.fixture(scope="module")
def spoken(encoder, sung):
    """Id -> the vector of each recording, one by one."""
    return {u.id: encoder(audio.read(u.wav))["joint"][0] for u in datadir.read(sung["test"])}


def test_dump_writes_recordings_and_a_column_of_texts_as_each_alone_gives_them(
    tiny_dual, encoder, spoken, sung, tmp_path
):
    dump(f"llm:{tiny_dual}", [sung["test"]], tmp_path / "spoken")
    found = read_features(tmp_path / "spoken/test", "joint")
    assert found.keys() == spoken.keys()
    assert all(found[key][0] == pytest.approx(vector, abs=1e-5) for key, vector in spoken.items())
    assert dump(f"llm:{tiny_dual}", [sung["test"]], tmp_path / "written", column="text_cmn")
    assert not dump(f"llm:{tiny_dual}", [sung["test"]], tmp_path / "written", column="text_cmn")
    texts = read_features(tmp_path / "written/test", "joint")
    wording = {u.sentence: u.text_cmn for u in datadir.read(sung["test"])}
    for key, frames in texts.items():
        assert frames == pytest.approx(encoder.embed_text([wording[key]]), abs=1e-5)


def test_speech_and_text_find_each_other_as_their_cosines_say(tiny_dual, encoder, spoken, sung, tmp_path):
    exp = tmp_path / "exp"
    dump(f"llm:{tiny_dual}", [sung["test"]], exp / "feats")
    listed = tmp_path / "measures.yaml"
    listed.write_text("- retrieve: {score: pooled}\n- cross_modal\n")
    list(measure(plan.read(listed), Subject(exp, f"llm:{tiny_dual}"), [], [sung["test"]]))
    rows = read_rows(exp / "cross_modal/retrieval/test/pairs.tsv", Pair)
    kinds = read_rows(exp / "cross_modal/kinds/test/kinds.tsv", KindInterval)
    assert {row.kind for row in kinds} == {"speech to speech", "speech to text", "text to speech"}
    utterances = datadir.read(sung["test"])
    wording = dict(sorted({u.sentence: u.text_cmn for u in utterances}.items()))
    written = encoder.embed_text([*wording.values()])
    for row in (row for row in rows if row.target == "text_cmn"):
        ranks = []
        for u in (u for u in utterances if u.variety == row.source):
            cosines = written @ spoken[u.id]
            ranks.append(int((cosines >= cosines[[*wording].index(u.sentence)] - 1e-6).sum()))
        assert row.mrr == pytest.approx(np.mean([1 / rank for rank in ranks]), abs=0.02)


def test_a_typed_sentence_finds_the_recordings_nearest_to_it(tiny_dual, encoder, spoken, sung, tmp_path):
    add(tmp_path / "index", [sung["test"]], f"llm:{tiny_dual}", "joint")
    found = search_texts(tmp_path / "index", TEXTS, top=3)
    cosines = encoder.embed_text(TEXTS) @ np.stack([*spoken.values()]).T
    for row, hits in zip(cosines, found.values(), strict=True):
        assert [hit.cosine for hit in hits] == pytest.approx(sorted(row, reverse=True)[:3], abs=1e-3)


def test_the_page_reads_what_is_typed(tiny_dual, encoder, sung):
    library = Library(f"llm:{tiny_dual}", sung["test"], "layer02")
    query = library.read(TEXTS[0])
    assert query.frames == pytest.approx(encoder.embed_text(TEXTS[:1]), abs=1e-6)
    assert len(library.find(query, ["yue"])["yue"]) == 8
    asked = library.utterances["yuetest-s01"]
    assert library.find(library.hear(asked.wav), ["yue"])["yue"][0].f1 == pytest.approx(1, abs=1e-3)


def test_a_space_has_the_model_its_units_and_a_field_for_what_is_typed(tiny_dual, encoder, sung, tmp_path):
    out = tmp_path / "page"
    assert space(f"llm:{tiny_dual}", sung["test"], out, "layer02", "it is ours")
    assert "demo('llm:model', Path('data/test'), 'layer02')" in (out / "app.py").read_text()
    assert "the model itself places it" in (out / "README.md").read_text()
    assert "\nsentence-transformers==" in (out / "requirements.txt").read_text()
    assert yaml.safe_load((out / "model/dual.yaml").read_text())["layer"] == "layer02"
    wave = audio.read(datadir.read(sung["test"])[0].wav)
    assert load_encoder(f"llm:{out / 'model'}", "cpu")(wave)["joint"] == pytest.approx(encoder(wave)["joint"])
