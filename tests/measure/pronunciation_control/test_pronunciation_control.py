"""`fangyan.measure.pronunciation_control`: a planted experiment whose truth is known."""

from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import UserError
from fangyan.files import read_table, write_json
from fangyan.ipa import dictionaries, phonetic_distance
from fangyan.measure.pronunciation_control import Bin, Controlled, control
from fangyan.measure.retrieval import retrieve
from fangyan.tables import columns

SYLLABLES = [
    onset + rime
    for onset in ("p", "tʰ", "k", "m", "ŋ", "s", "tɕ", "x", "l")
    for rime in ("a", "i", "u", "ɔŋ")
]
SENTENCES = 120


def planted() -> list[Utterance]:
    """Two varieties in which every other sentence is cognate, but for one syllable in eight; the rest share nothing."""
    chance = np.random.default_rng(0)
    utterances = []
    for n in range(SENTENCES):
        here, there = chance.choice(SYLLABLES, (2, 8))
        if n % 2:
            there[np.arange(8) != 3] = here[np.arange(8) != 3]
        for variety, spoken in (("cmn", here), ("yue", there)):
            key, ipa = f"{variety}-s{n:03d}", "˥ ".join(spoken)
            utterances.append(Utterance(key, f"/{key}.wav", "", variety, variety, f"s{n:03d}", 1.0, ipa=ipa))
    return utterances


def encoders(utterances: list[Utterance]) -> dict[str, dict[str, np.ndarray]]:
    """An encoder that hears nothing but meaning, one that hears nothing but sound, and one that hears both, with noise.

    The frames of sound are the articulatory features of a segment between those of its neighbours. In those of both,
    a fifth of the energy is meaning, the rest sound.
    """
    chance = np.random.default_rng(1)
    meanings = {u.sentence: chance.standard_normal((6, 16)) for u in utterances}
    meaning = {u.id: meanings[u.sentence] for u in utterances}
    sound, both = {}, {}
    for u in utterances:
        around = np.pad(phonetic_distance.segments(u.ipa), ((1, 1), (0, 0)))
        sound[u.id] = np.concatenate([around[:-2], around[1:-1], around[2:]], 1)
        frames = meaning[u.id][np.arange(len(sound[u.id])) * 6 // len(sound[u.id])]
        scale = (0.25 * np.square(sound[u.id]).sum() / np.square(frames).sum()) ** 0.5
        both[u.id] = np.concatenate([scale * frames, sound[u.id]], 1)
    return {
        name: {key: frames + 0.3 * chance.standard_normal(frames.shape) for key, frames in layer.items()}
        for name, layer in (("both", both), ("meaning", meaning), ("sound", sound))
    }


def write_features(folder: Path, layers: dict[str, dict[str, np.ndarray]]) -> None:
    for layer, features in layers.items():
        (folder / layer).mkdir(parents=True, exist_ok=True)
        place = folder / layer / "feats"
        with kaldiio.WriteHelper(f"ark,scp:{place}.ark,{place}.scp") as writer:
            for key in sorted(features):
                writer(key, features[key].astype(np.float32))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The planted experiment, controlled: ``data``, ``feats/data`` and ``out/data``."""
    home = tmp_path_factory.mktemp("planted")
    utterances = planted()
    datadir.write(home / "data", utterances)
    write_features(home / "feats" / "data", encoders(utterances))
    assert control(home / "feats", [home / "data"], home / "out", quantile=0.5) == [home / "out" / "data"]
    return home


def table(home: Path, name: str) -> dict[str, list[dict[str, float]]]:
    """The numbers of a table by layer."""
    by_layer: dict[str, list[dict[str, float]]] = {}
    for row in read_table(home / "out" / "data" / name):
        numbers = {key: float(row[key]) for key in row if key not in ("layer", "source", "target")}
        by_layer.setdefault(row["layer"], []).append(numbers)
    return by_layer


def test_the_planted_truth_comes_out(home):
    found = table(home, "controlled.tsv")
    for meaning, sound in zip(found["meaning"][:2], found["sound"][:2], strict=True):  # the third pools both
        assert meaning["n"] == SENTENCES and meaning["n_controlled"] >= 20
        assert meaning["chance_controlled"] == pytest.approx(1 / SENTENCES, rel=1e-5)
        # Meaning is found with and without cognates.
        assert meaning["recall_at_1"] > 0.95 and meaning["recall_at_1_controlled"] > 0.95
        assert meaning["mrr_controlled"] > 0.95 and meaning["partial_correlation"] > 0.1
        # Sound finds the cognates, half of the sentences, and nothing else.
        assert sound["recall_at_1"] > 0.4 > 40 / SENTENCES
        assert sound["recall_at_1_controlled"] < 0.05 and sound["mrr_controlled"] < 0.1
        assert abs(sound["partial_correlation"]) < meaning["partial_correlation"] / 2
        # So does the phonetic distance itself, which is the same for every encoder.
        assert meaning["phonetics_recall_at_1"] == sound["phonetics_recall_at_1"] > 0.45
        assert sound["phonetics_recall_at_1_controlled"] == 0


def test_an_encoder_that_hears_both_lies_between(home):
    found, binned = table(home, "controlled.tsv"), table(home, "bins.tsv")
    both, meaning, sound = (found[layer][-1] for layer in ("both", "meaning", "sound"))
    assert both["recall_at_1"] > 0.8 and both["n_controlled"] == 48
    for column in ("recall_at_1_controlled", "mrr_controlled", "partial_correlation"):
        assert sound[column] + 0.02 < both[column] < meaning[column] - 0.02
    # What it finds beyond the cognates it owes to meaning: all of the nearest, fewer the less sound helps.
    assert [row["recall_at_1"] for row in binned["both"][:2]] == [1, 1]
    assert 0.2 < binned["both"][-1]["recall_at_1"] < binned["both"][-2]["recall_at_1"] < 1


def test_the_planted_truth_shows_in_the_bins(home):
    found = table(home, "bins.tsv")
    for rows in found.values():
        assert [row["bin"] for row in rows] == [1, 2, 3, 4, 5]
        assert [row["n"] for row in rows] == [2 * SENTENCES / 5] * 5  # both directions
        assert all(a["high"] <= b["low"] for a, b in pairwise(rows))
    assert all(row["recall_at_1"] > 0.9 for row in found["meaning"])
    assert found["sound"][0]["recall_at_1"] > 0.8 and found["sound"][-1]["recall_at_1"] < 0.05


def test_tables(home):
    controlled_rows = read_table(home / "out" / "data" / "controlled.tsv")
    assert tuple(controlled_rows[0]) == columns(Controlled)
    places = [(row["layer"], row["source"], row["target"]) for row in controlled_rows]
    assert places == [
        (layer, *pair)
        for layer in ("both", "meaning", "sound")
        for pair in (("cmn", "yue"), ("yue", "cmn"), ("all", "all"))
    ]
    assert {row["quantile"] for row in controlled_rows} == {"0.5"}
    assert tuple(read_table(home / "out" / "data" / "bins.tsv")[0]) == columns(Bin)
    assert read_table(home / "out" / "data" / ".unknown.tsv") == []


def small(
    folder: Path,
    ipas: dict[str, str],
    layer: dict[str, np.ndarray] | None = None,
    texts: dict[str, str] | None = None,
) -> tuple[Path, list[Path]]:
    """Features (by default all alike) and data directory of utterances ``variety-sentence``: arguments of `control`."""
    utterances = [
        Utterance(key, f"/{key}.wav", text, key[:3], key[:3], key[4:6], 1.0, ipa=ipa)
        for (key, ipa), text in zip(ipas.items(), (texts or dict.fromkeys(ipas, "")).values(), strict=True)
    ]
    datadir.write(folder / "data", utterances)
    write_features(folder / "feats" / "data", {"layer00": layer or {key: np.ones((1, 2)) for key in ipas}})
    return folder / "feats", [folder / "data"]


def test_by_hand(tmp_path, capsys):
    # a0 and b0 sound alike, a1 sounds as b0 and b2 is not shared; the layer gets both sentences right.
    ipas = {"aaa-s0": "pa", "aaa-s1": "pa", "bbb-s0": "pa", "bbb-s1": "ni%", "bbb-s2": "pa"}
    one, two = np.array([[1.0, 0]]), np.array([[0.0, 1]])
    layer = dict(zip(ipas, (one, two, one, two, one), strict=True))
    control(*small(tmp_path, ipas, layer), tmp_path / "out")
    there, back, both = read_table(tmp_path / "out" / "data" / "controlled.tsv")
    counts = itemgetter("source", "target", "n", "n_controlled")
    assert counts(there) == ("aaa", "bbb", "2", "1") and there["recall_at_1_controlled"] == "1"
    assert (there["phonetics_recall_at_1"], there["chance_controlled"]) == ("0.5", "0.5")
    # From b, both candidates sound the same: a tie counts against sound, and both queries are controlled.
    assert counts(back) == ("bbb", "aaa", "2", "2") and back["phonetics_recall_at_1"] == "0"
    # Together, sound finds 1 of 4. From a, score and right agree (.5 -.5 -.5 .5) and distance (-.5 .5 -.5 .5)
    # correlates with neither; from b, distance is constant: no correlation, which the mean leaves out.
    assert counts(both) == ("all", "all", "4", "3") and both["phonetics_recall_at_1"] == "0.25"
    assert (both["recall_at_1"], both["chance"], both["mrr_controlled"]) == ("1", "0.5", "1")
    assert there["partial_correlation"] == both["partial_correlation"] == "1"
    assert back["partial_correlation"] == ""
    assert "1 IPA symbols are left out of the phonetic distance: '%' (1)" in capsys.readouterr().err
    assert read_table(tmp_path / "out" / "data" / ".unknown.tsv") == [{"symbol": "%", "count": "1"}]


@pytest.mark.parametrize("score", ["seqsim", "pooled", "precision"])
def test_uncontrolled_it_is_retrieval(tmp_path, score):
    """Columns n and recall_at_1 against pairs.tsv, with a sentence that one variety lacks and one recorded twice."""
    chance = np.random.default_rng(0)
    ipas = {f"{v}-s{n}": "ma" for v in ("aaa", "bbb", "ccc") for n in range(8)} | {"bbb-s0b": "ma"}
    del ipas["ccc-s3"]
    meanings = {f"s{n}": chance.standard_normal(4) for n in range(8)}
    layer = {key: meanings[key[4:6]] + chance.standard_normal((n % 3 + 1, 4)) for n, key in enumerate(ipas)}
    feats, sets = small(tmp_path, ipas, layer)
    control(feats, sets, tmp_path / "out", score)
    retrieve(feats, sets, tmp_path / "plain", score)
    same = itemgetter("layer", "source", "target", "n", "recall_at_1", "chance")
    expected, found = (
        read_table(tmp_path / folder / "data" / name)
        for folder, name in (("plain", "pairs.tsv"), ("out", "controlled.tsv"))
    )
    assert [same(row) for row in found[:-1]] == [same(row) for row in expected]
    assert len(found) == 7 and len({row["recall_at_1"] for row in found}) > 2


def test_what_cannot_be_told_is_empty(tmp_path):
    ipas = {"aaa-s0": "pa", "aaa-s1": "ni", "bbb-s0": "pa", "bbb-s1": "ni"}
    control(*small(tmp_path, ipas), tmp_path / "out")
    for row in read_table(tmp_path / "out" / "data" / "controlled.tsv"):
        assert row["n_controlled"] == "0" and row["phonetics_recall_at_1"] == "1"
        assert row["recall_at_1_controlled"] == row["chance_controlled"] == row["partial_correlation"] == ""


def test_finished_work_is_kept_and_another_question_is_not(tmp_path):
    ipas = {"aaa-s0": "pa", "aaa-s1": "ni", "bbb-s0": "pa", "bbb-s1": "ni"}
    paths = *small(tmp_path, ipas), tmp_path / "out"
    assert control(*paths) and not control(*paths)
    assert control(*paths, quantile=0.0) and control(*paths, score="pooled")


def test_only_the_layers_asked_for_are_controlled(home):
    whole = table(home, "controlled.tsv")
    assert control(
        home / "feats", [home / "data"], home / "one", quantile=0.5, layers=["sound+sound", "meaning"]
    )
    rows = read_table(home / "one" / "data" / "controlled.tsv")
    assert list(dict.fromkeys(row["layer"] for row in rows)) == ["meaning", "sound+sound"]
    for column in ("recall_at_1", "n_controlled", "recall_at_1_controlled", "mrr_controlled"):
        found = [float(row[column]) for row in rows]
        assert found == [row[column] for layer in ("meaning", "sound") for row in whole[layer]]
    with pytest.raises(UserError, match="no layer 'noise' in .*: known are both, meaning, sound,"):
        control(home / "feats", [home / "data"], home / "one", layers=["noise"])


@pytest.mark.parametrize(
    ("ipas", "counts"),
    [
        (("", "", "", ""), "0 of 4 utterances (varieties: none)"),
        (("ma", "ma", "ma", "%55"), "3 of 4 utterances (varieties: aaa, bbb)"),
        (("ma", "ma", "%", "%"), "2 of 4 utterances (varieties: aaa)"),
    ],
)
def test_a_set_without_ipa_is_said_to_be_out_of_reach(tmp_path, capsys, ipas, counts):
    paths = (
        *small(tmp_path, dict(zip(("aaa-s0", "aaa-s1", "bbb-s0", "bbb-s1"), ipas, strict=True))),
        tmp_path / "out",
    )
    stale = tmp_path / "out" / "data" / "controlled.tsv"
    stale.parent.mkdir(parents=True)
    stale.touch()
    write_json(stale.parent / ".done", {})
    assert control(*paths) == [stale.parent]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"{tmp_path / 'data'}: not controlled for sound") and said.endswith(counts)
    assert {file.name for file in stale.parent.iterdir()} == {".done", "pronunciation.tsv"}
    assert not control(*paths)  # as finished as it can be


def test_without_ipa_dictionaries_read_the_wording(tmp_path, capsys):
    """Mandarin and Cantonese as FLEURS has them; the same tables as with what the dictionaries say in utt2ipa."""
    said = {
        "cmn": ("他们今天去银行。", "我想吃米饭。", "下雨了，带伞吧", "山上有雪"),
        "yue": ("佢哋今日去銀行。", "我想食飯。", "落雨喇，帶遮啦", "山上有雪"),
        "eng": ("rice", "bank", "rain", "snow"),  # no dictionary reads it
    }
    chance = np.random.default_rng(0)
    texts = {f"{variety}-s{n}": text for variety, texts in said.items() for n, text in enumerate(texts)}
    feats, sets = small(
        tmp_path, dict.fromkeys(texts, ""), {key: chance.standard_normal((4, 8)) for key in texts}, texts
    )
    control(feats, sets, tmp_path / "out", quantile=0.0)
    noted = capsys.readouterr().err
    assert "IPA is the reading of a dictionary for cmn by pypinyin (4), yue by ToJyutping (4)\n" in noted
    assert "4 utterances have no IPA that panphon knows" in noted and "the first is eng-s0, ''" in noted
    found = read_table(tmp_path / "out" / "data" / "controlled.tsv")
    assert [row["n"] for row in found] == ["4", "4", "8"]
    assert found[-1]["phonetics_recall_at_1"] != "0"  # 山上有雪 sounds alike, saan soeng and shan shang
    assert list(
        map(tuple, map(dict.values, read_table(tmp_path / "out" / "data" / "pronunciation.tsv")))
    ) == [
        ("cmn", "pypinyin", "4"),
        ("eng", "none", "4"),
        ("yue", "ToJyutping", "4"),
    ]
    spelt = {key: dictionaries.read_ipa(text, key[:3]) or "□" for key, text in texts.items()}
    datadir.write(sets[0], [replace(u, ipa=spelt[u.id]) for u in datadir.read(sets[0])])
    control(feats, sets, tmp_path / "spelt", quantile=0.0)
    assert read_table(tmp_path / "spelt" / "data" / "controlled.tsv") == found
    assert {row["source"] for row in read_table(tmp_path / "spelt" / "data" / "pronunciation.tsv")} == {
        "utt2ipa"
    }


def test_utterances_without_ipa_take_no_part(tmp_path, capsys):
    ipas = {f"{v}-s{n}": ipa for v in ("aaa", "bbb") for n, ipa in enumerate(("pa", "ni", "ku"))} | {
        "bbb-s2": "□"
    }
    control(*small(tmp_path, ipas), tmp_path / "out")
    rows = read_table(tmp_path / "out" / "data" / "controlled.tsv")
    assert [row["n"] for row in rows] == ["2", "2", "4"]
    assert "data: 1 utterances have no IPA that panphon knows" in (said := capsys.readouterr().err)
    assert "the first is bbb-s2, '□'" in said


def test_bad_use_says_what_is_known(tmp_path):
    with pytest.raises(UserError, match="from 0 to 1, got 50"):
        control(tmp_path, [], tmp_path / "out", quantile=50)
