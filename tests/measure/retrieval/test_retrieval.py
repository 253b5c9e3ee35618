"""`fangyan.measure.retrieval`: a data directory with archives from end to end."""

import re
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.files import read_table
from fangyan.measure.retrieval import retrieve
from fangyan.measure.retrieval.tables import MEANS, RANKS, Group, Pair
from fangyan.measure.scores import SCORES
from fangyan.measure.seqsim import seqsim
from fangyan.shards import Shard
from fangyan.tables import columns

SPOKEN = {  # two recordings of s0 in hak, no s2 there; "site" is in no table
    "cmn": ("s0", "s1", "s2"),
    "hak": ("s0", "s0", "s1"),
    "site": ("s0", "s1", "s2"),
}


def utterances(spoken=SPOKEN) -> list[Utterance]:
    return [
        Utterance(f"{variety}-{n}", f"/nowhere/{variety}{n}.wav", "", variety, variety, sentence, 1.0)
        for variety, sentences in spoken.items()
        for n, sentence in enumerate(sentences)
    ]


def write_features(folder: Path, layer: str, features: dict[str, np.ndarray]) -> None:
    (folder / layer).mkdir(parents=True, exist_ok=True)
    place = folder / layer / "feats"
    with kaldiio.WriteHelper(f"ark,scp:{place}.ark,{place}.scp") as writer:
        for key in sorted(features):
            writer(key, features[key])


@pytest.fixture
def home(tmp_path) -> Path:
    """A data directory, and features of a layer that hears sentences and of one that hears nothing."""
    spoken = utterances()
    datadir.write(tmp_path / "data", spoken)
    chance = np.random.default_rng(0)
    meaning = {s: chance.standard_normal((4, 8)) for s in ("s0", "s1", "s2")}
    heard = {
        u.id: np.repeat(meaning[u.sentence], 2, 0)[n % 3 :].astype(np.float32) for n, u in enumerate(spoken)
    }
    write_features(tmp_path / "feats" / "data", "layer01", heard)
    write_features(
        tmp_path / "feats" / "data", "layer00", {key: np.ones((2, 8), np.float32) for key in heard}
    )
    return tmp_path


@pytest.mark.parametrize("score", SCORES)
def test_retrieve(home, score, capsys):
    assert retrieve(home / "feats", [home / "data"], home / "out", score) == [home / "out" / "data"]
    rows = read_table(home / "out" / "data" / "pairs.tsv")
    assert tuple(rows[0]) == columns(Pair)
    pairs = [
        ("cmn", "hak"),
        ("cmn", "site"),
        ("hak", "cmn"),
        ("hak", "site"),
        ("site", "cmn"),
        ("site", "hak"),
    ]
    places = [(row["layer"], row["source"], row["target"]) for row in rows]
    assert places == [(layer, *pair) for layer in ("layer00", "layer01") for pair in pairs]
    assert [row["n"] for row in rows[:6]] == ["2", "3", "3", "3", "3", "2"]
    assert [float(row["recall_at_1"]) for row in rows] == [0] * 6 + [1] * 6
    assert [row["ties"] for row in rows] == [row["n"] for row in rows[:6]] + ["0"] * 6
    assert (
        f"{home / 'data'}: 16 of 16 queries at layer00 are not first only because scores less than 1e-06 apart are"
        in capsys.readouterr().err
    )
    # cmn -> hak: s0 has 2 of 3 candidates right, s1 has 1 of 3. hak -> cmn: each query 1 of 2.
    assert [float(row["chance"]) for row in rows[:3]] == pytest.approx([1 / 2, 1 / 3, 1 / 2], abs=1e-6)
    # All scores equal: s0 is behind 1 wrong candidate, s1 behind 2.
    assert float(rows[0]["mrr"]) == pytest.approx((1 / 2 + 1 / 3) / 2, abs=1e-6)
    groups = read_table(home / "out" / "data" / "groups.tsv")
    assert tuple(groups[0]) == columns(Group)
    assert [(g["source_group"], g["target_group"]) for g in groups[:2]] == [
        ("hakka", "mandarin"),
        ("hakka", "site"),
    ]
    assert len(groups) == 12 and {g["pairs"] for g in groups} == {"1"}
    assert read_table(home / "out" / "data" / ".skipped.tsv") == []


def test_ranks_file(home):
    retrieve(home / "feats", [home / "data"], home / "out")
    rows = read_table(home / "out" / "data" / "ranks.tsv")
    assert tuple(rows[0]) == RANKS
    assert [tuple(row.values()) for row in rows[:5]] == [
        (
            "layer00",
            "cmn",
            "hak",
            "cmn-0",
            "s0",
            "2",
            "2",
            "3",
        ),  # all scores equal: behind all that are wrong
        ("layer00", "cmn", "hak", "cmn-1", "s1", "3", "1", "3"),
        ("layer00", "cmn", "site", "cmn-0", "s0", "3", "1", "3"),
        ("layer00", "cmn", "site", "cmn-1", "s1", "3", "1", "3"),
        ("layer00", "cmn", "site", "cmn-2", "s2", "3", "1", "3"),
    ]
    assert len(rows) == 2 * (2 + 3 + 3 + 3 + 3 + 2) and {row["rank"] for row in rows[16:]} == {"1"}
    pairs = read_table(home / "out" / "data" / "pairs.tsv")
    assert [row["median_rank"] for row in pairs] == ["2.5", "3", "2", "2", "3", "2.5"] + ["1"] * 6


def test_metrics_are_those_of_the_ranks(home):
    chance = np.random.default_rng(2)
    noise = {u.id: chance.standard_normal((3, 4)).astype(np.float32) for u in utterances()}
    write_features(home / "noise" / "data", "layer00", noise)
    retrieve(home / "noise", [home / "data"], home / "out")
    rows = read_table(home / "out" / "data" / "ranks.tsv")
    for pair in read_table(home / "out" / "data" / "pairs.tsv"):
        of_pair = [row for row in rows if (row["source"], row["target"]) == (pair["source"], pair["target"])]
        found = np.array([float(row["rank"]) for row in of_pair])
        chances = [int(row["right"]) / int(row["candidates"]) for row in of_pair]
        assert int(pair["n"]) == len(found)
        recalls = [(found <= k).mean() for k in (1, 5, 10)]
        expected = *recalls, (1 / found).mean(), np.median(found), np.mean(chances)
        assert [float(pair[name]) for name in MEANS] == pytest.approx(expected, abs=1e-5)


def test_precision_and_recall_answer_in_the_direction_of_the_query(home):
    """cmn says either sentence in a frame; hak adds a frame of s0 to its two of s1."""
    x, y = np.eye(2, dtype=np.float32)
    said = {"cmn-0": [x], "cmn-1": [y], "hak-0": [x], "hak-1": [y, y, x]}
    spoken = utterances({"cmn": ("s0", "s1"), "hak": ("s0", "s1")})
    datadir.write(home / "two", spoken)
    write_features(home / "some" / "two", "layer00", {key: np.stack(value) for key, value in said.items()})
    found = {}
    for score in ("precision", "recall"):
        retrieve(home / "some", [home / "two"], home / "out", score)
        rows = read_table(home / "out" / "two" / "ranks.tsv")
        found[score] = {row["query"]: int(row["rank"]) for row in rows}
    # All of cmn-0 is in hak-0, and in hak-1: a tie. Of hak-1 a third is in cmn-0, two thirds are in cmn-1.
    assert found["precision"] == {"cmn-0": 2, "cmn-1": 1, "hak-0": 1, "hak-1": 1}
    # All of hak-0 is in cmn-0, of hak-1 a third. All of cmn-0 is in hak-1, and all of cmn-1: a tie.
    assert found["recall"] == {"cmn-0": 1, "cmn-1": 1, "hak-0": 1, "hak-1": 2}


@pytest.mark.parametrize(("normalise", "expected"), [("none", 1 / 8), ("centre", 1 / 2), ("whiten", 1)])
def test_normalisation_takes_the_sound_of_a_variety_away(home, normalise, expected):
    """Sentences are eight directions, 45 degrees apart; hak stretches them tenfold along x, and moves them."""
    sentences = tuple(f"s{n}" for n in range(8))
    spoken = utterances({"cmn": sentences, "hak": sentences})
    datadir.write(home / "plane", spoken)
    directions = {s: [np.cos(n * np.pi / 4), np.sin(n * np.pi / 4)] for n, s in enumerate(sentences)}
    heard = {u.id: np.array([directions[u.sentence]], np.float32) for u in spoken}
    heard |= {key: x * [10, 1] + [50, 0] for key, x in heard.items() if key.startswith("hak")}
    write_features(home / "some" / "plane", "layer00", heard)
    retrieve(home / "some", [home / "plane"], home / "out", normalise=normalise)
    back = read_table(home / "out" / "plane" / "pairs.tsv")[1]
    # Moved, all of hak is nearest to s0 = (1, 0); centred, (10, 1) is nearer to (1, 0) than to (1, 1).
    assert (back["source"], float(back["recall_at_1"])) == ("hak", expected)


def test_groups_are_means_over_pairs_in_both_directions(home):
    """n1, s1 and st say two sentences as X and Y, n2 the other way round, s2 says both as X."""
    x, y = (np.array([axis], np.float32) for axis in ([1, 0], [0, 1]))
    said = {"n1": (x, y), "n2": (y, x), "s1": (x, y), "s2": (x, x), "st": (x, y)}
    spoken = utterances(dict.fromkeys(said, ("s0", "s1")))
    groups = {"n1": "north", "n2": "north", "s1": "south", "s2": "south", "st": "standard"}
    datadir.write(home / "five", spoken, groups=groups)
    heard = {u.id: said[u.variety][int(u.sentence[1])] for u in spoken}
    write_features(home / "some" / "five", "layer00", heard)
    retrieve(home / "some", [home / "five"], home / "out")
    # Ranks: 1 and 1 among n1, s1 and st; 2 and 2 to and from n2, and to s2 (ties); 1 and 2 from s2.
    columns = ("pairs", "recall_at_1", "mrr", "median_rank", "recall_at_5", "recall_at_10", "chance")
    cells = {
        (row["source_group"], row["target_group"], row["cell"]): tuple(float(row[name]) for name in columns)
        for row in read_table(home / "out" / "five" / "groups.tsv")
    }
    assert cells == {
        ("north", "north", "within"): (2, 0, 0.5, 2, 1, 1, 0.5),
        ("north", "south", "across"): (4, 0.25, 0.625, 1.75, 1, 1, 0.5),  # R@1: 1 0 0 0
        ("north", "standard", "across"): (2, 0.5, 0.75, 1.5, 1, 1, 0.5),  # 1 0
        ("south", "north", "across"): (4, 0.5, 0.75, 1.5, 1, 1, 0.5),  # 1 0 0.5 0.5
        ("south", "south", "within"): (2, 0.25, 0.625, 1.75, 1, 1, 0.5),  # 0 0.5
        ("south", "standard", "across"): (2, 0.75, 0.875, 1.25, 1, 1, 0.5),  # 1 0.5
        ("standard", "north", "across"): (2, 0.5, 0.75, 1.5, 1, 1, 0.5),  # 1 0
        ("standard", "south", "across"): (2, 0.5, 0.75, 1.5, 1, 1, 0.5),  # 1 0
    }


def by_layer(path: Path) -> dict[str, list[tuple[str, ...]]]:
    """The rows of a table without their layer, by layer."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for layer, *row in map(dict.values, read_table(path)):
        found.setdefault(layer, []).append(tuple(row))
    return found


def test_only_the_layers_asked_for_are_scored(home):
    paths = home / "feats", [home / "data"], home / "out"
    retrieve(*paths)
    whole = by_layer(home / "out" / "data" / "pairs.tsv")
    assert retrieve(*paths, layers=["layer01"]) and not retrieve(*paths, layers=["layer01", "layer01"])
    for name in ("pairs.tsv", "groups.tsv", "ranks.tsv"):
        assert set(by_layer(home / "out" / "data" / name)) == {"layer01"}
    assert by_layer(home / "out" / "data" / "pairs.tsv")["layer01"] == whole["layer01"]
    assert retrieve(*paths, layers=["layer01", "layer00"]) and not retrieve(*paths)  # that is all of them


def test_concatenated_layers_weigh_the_same(home):
    """A layer twice is itself; one that hears nothing, however loud, changes no rank."""
    chance = np.random.default_rng(3)
    noise = {u.id: chance.standard_normal((3, 4)).astype(np.float32) for u in utterances()}
    write_features(home / "some" / "data", "a", noise)
    write_features(home / "some" / "data", "b", {key: np.full((3, 2), 1e6, np.float32) for key in noise})
    asked = ["a", "b", "a+a", "a+b", "b+a"]
    retrieve(home / "some", [home / "data"], home / "out", "precision", layers=asked)
    found = by_layer(home / "out" / "data" / "ranks.tsv")
    assert list(found) == sorted(asked)
    assert found["a"] == found["a+a"] == found["a+b"] == found["b+a"] != found["b"]


def test_layers_of_unequal_frames_are_not_concatenated(home):
    with pytest.raises(DataError, match=r"feats.data: utterance cmn-0: .* got 2 in layer00, 8 in layer01$"):
        retrieve(home / "feats", [home / "data"], home / "out", layers=["layer00+layer01"])
    some = {u.id: np.ones((8, 1), np.float32) for u in utterances()}
    write_features(home / "feats" / "data", "layer02", {key: some[key] for key in some if key != "hak-1"})
    with pytest.raises(DataError, match=r"layer02: lacks 1 utterances .* first is hak-1"):
        retrieve(home / "feats", [home / "data"], home / "out", layers=["layer01+layer02"])


@pytest.mark.parametrize("layer", ["layer1", "layer01+norm"])
def test_an_unknown_layer_says_which_are_known(home, layer):
    missing = layer.rpartition("+")[2]
    with pytest.raises(
        UserError,
        match=rf"^--layer {re.escape(layer)}: no layer '{missing}' in .*known are layer00, layer01,",
    ):
        retrieve(home / "feats", [home / "data"], home / "out", layers=["layer00", layer])
    assert not (home / "out").exists()


def test_a_matrix_serves_both_directions(home):
    """The rank of hak-2 among cmn by single pairs, against the table made from transposed matrices."""
    chance = np.random.default_rng(1)
    noise = {u.id: chance.standard_normal((3, 4)).astype(np.float32) for u in utterances()}
    write_features(home / "noise" / "data", "layer00", noise)
    retrieve(home / "noise", [home / "data"], home / "out")
    f1 = [[seqsim(noise[q], noise[c]).f1 for c in ("cmn-0", "cmn-1")] for q in ("hak-0", "hak-1", "hak-2")]
    right = (f1[0][0] > f1[0][1], f1[1][0] > f1[1][1], f1[2][1] > f1[2][0])
    row = next(
        r
        for r in read_table(home / "out" / "data" / "pairs.tsv")
        if (r["source"], r["target"]) == ("hak", "cmn")
    )
    assert float(row["recall_at_1"]) == pytest.approx(sum(right) / 3, abs=1e-5)


def test_finished_work_is_kept_and_changed_input_is_not(home):
    paths = home / "feats", [home / "data"], home / "out"
    assert retrieve(*paths) and not retrieve(*paths)
    assert retrieve(*paths, score="pooled")
    write_features(
        home / "feats" / "data", "layer01", {u.id: np.ones((1, 8), np.float32) for u in utterances()}
    )
    assert retrieve(*paths, score="pooled")
    rows = read_table(home / "out" / "data" / "pairs.tsv")
    assert all(float(row["recall_at_1"]) == 0 for row in rows)


def test_utterances_without_features_are_named(home):
    some = {u.id: np.ones((1, 8), np.float32) for u in utterances()}
    write_features(
        home / "fewer" / "data", "layer00", {key: some[key] for key in some if not key.startswith("hak")}
    )
    with pytest.raises(DataError, match=r"layer00: lacks 3 utterances .* first is hak-0"):
        retrieve(home / "fewer", [home / "data"], home / "out")
    write_features(home / "more" / "data", "layer00", some | {"zzz": some["hak-0"]})
    with pytest.raises(DataError, match=r"data: lacks 1 utterances .* first is zzz"):
        retrieve(home / "more", [home / "data"], home / "out")
    assert not (home / "out" / "data").exists()


def test_malformed_features_say_where(home):
    features = {u.id: np.ones((1, 8), np.float32) for u in utterances()}
    features["hak-1"][0, 3] = np.nan
    write_features(home / "nan" / "data", "layer00", features)
    for score in SCORES:
        with pytest.raises(DataError, match="layer00: utterance hak-1: features must be finite"):
            retrieve(home / "nan", [home / "data"], home / "out", score)


def test_an_unknown_score_says_which_are_known(home):
    with pytest.raises(UserError, match="'bertscore': known are seqsim, .*pooled"):
        retrieve(home / "feats", [home / "data"], home / "out", "bertscore")


def test_pairs_without_common_sentences_are_listed(home, capsys):
    spoken = utterances({"cmn": ("s0", "s1"), "hak": ("s0", "s1"), "yue": ("s1", "s9")})
    datadir.write(home / "partly", spoken)
    write_features(home / "some" / "partly", "layer00", {u.id: np.ones((1, 2), np.float32) for u in spoken})
    retrieve(home / "some", [home / "partly"], home / "out")
    assert len(read_table(home / "out" / "partly" / "pairs.tsv")) == 2
    assert [tuple(row.values()) for row in read_table(home / "out" / "partly" / ".skipped.tsv")] == [
        ("cmn", "yue", "1"),
        ("hak", "yue", "1"),
    ]
    assert "2 pairs share fewer than 2 sentences" in capsys.readouterr().err


def test_a_set_without_a_pair_is_an_error(home):
    datadir.write(home / "alone", [u for u in utterances() if u.variety == "cmn"])
    write_features(home / "feats" / "alone", "layer00", {"cmn-0": np.ones((1, 8), np.float32)})
    with pytest.raises(DataError, match=r"alone: .*two varieties.* got cmn"):
        retrieve(home / "feats", [home / "alone"], home / "out")


def test_features_must_have_been_dumped(home):
    with pytest.raises(DataError, match="run the stage dump first"):
        retrieve(home / "nothing", [home / "data"], home / "out")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def five(home) -> Path:
    """Noise of five varieties, one of which shares but a sentence with the others."""
    spoken = utterances(
        dict.fromkeys(("cmn", "hak", "wuu", "yue"), ("s0", "s1", "s2")) | {"lone": ("s0", "s9")}
    )
    datadir.write(home / "five", spoken)
    chance = np.random.default_rng(4)
    for layer in ("layer00", "layer01"):
        noise = {u.id: chance.standard_normal((3, 4)).astype(np.float32) for u in spoken}
        write_features(home / "some/five", layer, noise)
    return home


@pytest.mark.parametrize("count", [1, 2, 4, 9])  # of 6 pairs
def test_shares_of_the_pairs_joined_are_the_tables_of_one_process(five, count, capsys):
    paths = five / "some", [five / "five"]
    retrieve(*paths, five / "whole", normalise="centre")
    told = capsys.readouterr().err
    assert told.count("4 pairs share fewer than 2 sentences") == 1
    for part in (*reversed(Shard(0, count).shards()), Shard(0, count)):
        done = retrieve(*paths, five / "out", normalise="centre", part=part)
    assert done == ([] if count == 1 else [five / "out/five"])
    assert content(five / "out/five") == content(five / "whole/five")
    assert set(content(five / "out/five")) == {
        ".done",
        ".day.json",
        ".skipped.tsv",
        "pairs.tsv",
        "groups.tsv",
        "ranks.tsv",
    }
    assert capsys.readouterr().err.count("fewer than 2 sentences") == 1
    assert [p.name for p in (five / "out").iterdir()] == ["five"]


def test_a_share_from_other_features_is_not_joined(five):
    paths = five / "some", [five / "five"], five / "out"
    for part in Shard(0, 2).shards():
        retrieve(*paths, part=part)
    chance = np.random.default_rng(5)
    changed = {
        key: chance.standard_normal((3, 4)) for key in dump.read_features(five / "some/five", "layer00")
    }
    write_features(five / "some/five", "layer00", {key: x.astype(np.float32) for key, x in changed.items()})
    with pytest.raises(
        UserError, match=r"five: shard 1/2 is not finished, or from other inputs: run the same"
    ):
        retrieve(*paths, part=Shard(0, 2))
    retrieve(*paths)
    assert not (five / "out/.five.shards").exists()


def test_features_of_layers_that_are_not_read_may_change(five):
    paths = five / "some", [five / "five"], five / "out"
    retrieve(*paths, layers=["layer01"])
    write_features(five / "some/five", "layer00", {"x": np.ones((1, 4), np.float32)})
    write_features(five / "some/five", "layer02", {"x": np.ones((1, 4), np.float32)})
    assert not retrieve(*paths, layers=["layer01"])


def test_a_pair_that_is_twice_or_lacking_is_never_joined(five):
    paths = five / "some", [five / "five"], five / "out"
    for part in Shard(0, 2).shards():
        retrieve(*paths, part=part)
    file = five / "out/.five.shards/2_of_2/pairs.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match=r"every pair is there exactly once, got .*'cmn'.* 0 times"):
        retrieve(*paths, part=Shard(0, 2))
    assert not (five / "out/five").exists()


def test_the_command_line_divides_the_pairs(five):
    common = [
        "retrieve",
        "--feats",
        str(five / "some"),
        "--data",
        str(five / "five"),
        "--out",
        str(five / "out"),
    ]

    def run(*more):
        return CliRunner().invoke(cli, [*common, *more])

    assert "written" in run("--shard", "1/2").output and "up to date" in run("--shard", "1/2").output
    assert "shard 2/2 is not finished" in str(run("--merge", "2").exception)
    assert run("--shard", "2/2").exit_code == 0
    assert "written" in run("--merge", "2").output
    assert "up to date" in run().output


def test_by_speaker_two_speakers_of_one_variety_are_a_pair_within_it(tmp_path):
    """Speakers a and b of cmn and c of yue say s0 and s1; a speaks alike to c, and b to them the other way round."""
    spoken = {"a": "cmn", "b": "cmn", "c": "yue"}
    said = [
        Utterance(f"{who}-{n}", f"/nowhere/{who}{n}.wav", "", who, variety, f"s{n}", 1.0)
        for who, variety in spoken.items()
        for n in (0, 1)
    ]
    datadir.write(tmp_path / "data", said)
    ways = np.eye(2, 4, dtype=np.float32)
    heard = {u.id: ways[[(int(u.id[-1]) + (u.speaker == "b")) % 2]] for u in said}
    write_features(tmp_path / "feats" / "data", "norm", heard)
    arguments = tmp_path / "feats", [tmp_path / "data"], tmp_path / "out"
    assert retrieve(*arguments, by="utt2spk") and not retrieve(*arguments, by="utt2spk")
    pairs = read_table(tmp_path / "out" / "data" / "pairs.tsv")
    found = {(row["source"], row["target"]): row["recall_at_1"] for row in pairs}
    one_way = {("cmn:a", "cmn:b"): "0", ("cmn:a", "yue:c"): "1", ("cmn:b", "yue:c"): "0"}
    assert found == one_way | {pair[::-1]: value for pair, value in one_way.items()}
    rows = read_table(tmp_path / "out" / "data" / "groups.tsv")
    cells = {
        (r["source_group"], r["target_group"]): (r["cell"], r["pairs"], r["recall_at_1"], r["chance"])
        for r in rows
    }
    assert cells == {
        ("cmn", "cmn"): ("within", "2", "0", "0.5"),
        ("cmn", "yue"): ("across", "2", "0.5", "0.5"),
        ("yue", "cmn"): ("across", "2", "0.5", "0.5"),
    }
    with pytest.raises(DataError, match="utt2age"):
        retrieve(*arguments, by="utt2age")
    alone = [u for u in said if u.speaker != "c"]
    datadir.write(tmp_path / "one", alone)
    write_features(tmp_path / "feats" / "one", "norm", {u.id: heard[u.id] for u in alone})
    with pytest.raises(DataError, match="or one and a text column, or speakers of one .*utt2spk"):
        retrieve(tmp_path / "feats", [tmp_path / "one"], tmp_path / "out")
    assert retrieve(tmp_path / "feats", [tmp_path / "one"], tmp_path / "out", by="utt2spk")
