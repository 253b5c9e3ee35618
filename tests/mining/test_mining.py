"""`fangyan.mining`: margins by hand and against the plain computation, shards, kills, and what is refused."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import sing
from joint import SENTENCES, counts
from mined import files, turned

from fangyan import corpora, mining
from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.encoders import identity
from fangyan.errors import DataError, UserError
from fangyan.measure.seqsim import seqsim
from fangyan.mining import Rule, Sides, mine, nearest
from fangyan.mining.listing import MANIFEST, PAIRS, Pair
from fangyan.mining.truth import read_choice
from fangyan.search import Entry, Index, add
from fangyan.search.index import Settings, create
from fangyan.shards import WHOLE, Shard
from fangyan.tables import read_rows

MUTUAL, ALL_PAIRS = Rule(mutual=True), Rule("0")


def pairs(out: Path) -> list[tuple[str, str]]:
    return [(row.source, row.target) for row in read_rows(out / PAIRS, Pair)]


def test_by_hand(two, tmp_path):
    # With k = 2 the neighbourhoods: a (cos 10 + cos 60) / 2 = 0.7424, b (cos 10 + cos 30) / 2 = 0.9254,
    # x (cos 10 + cos 80) / 2 = 0.5792, y (cos 30 + cos 60) / 2 = 0.6830, z (cos 10 + cos 100) / 2 = 0.4056.
    # So a-x has 0.9848 / 0.6608 = 1.4903, b-z 0.9848 / 0.6655 = 1.4798; y would have b, 0.8660 / 0.8042 = 1.0769.
    assert mine(Sides(*two), ALL_PAIRS, tmp_path / "out", k=2)
    first, second = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert (first.source, first.target, second.source, second.target) == ("a", "x", "b", "z")
    assert [first.margin, second.margin] == pytest.approx([1.4903, 1.4798], abs=2e-3)
    assert [first.cosine, first.seqsim] == pytest.approx([0.9848, 0.9848], abs=1e-3)
    assert (first.source_wav, first.source_start, first.source_end) == ("/a.wav", 0, None)
    found = np.load(tmp_path / "out/candidates.npy")
    assert [(x["source"], x["target"], bool(x["mutual"])) for x in found] == [
        (0, 0, True),
        (1, 2, True),
        (1, 1, False),
    ]
    assert found["margin"][2] == pytest.approx(1.0769, abs=2e-3)
    assert not mine(Sides(*two), ALL_PAIRS, tmp_path / "out", k=2)


def plain(left: dict, right: dict, k: int, cut: int) -> list[tuple[str, str, float]]:
    """The pairs of two sets of frames with their margins, best first, by loops."""
    scores = {(a, b): seqsim(left[a], right[b]).f1 for a, b in product(left, right)}

    def score(a: str, b: str) -> float:
        return scores[(a, b) if a in left else (b, a)]

    means = {key: x.mean(0) / np.linalg.norm(x.mean(0)) for key, x in (left | right).items()}
    near = {}
    for here, there in ((left, right), (right, left)):
        for key in here:
            near[key] = sorted(there, key=lambda other, key=key: -means[key] @ means[other])[:cut]
            near[key] = sorted(near[key], key=lambda other, key=key: -score(key, other))[:k]

    def margin(a: str, b: str) -> float:
        return score(a, b) / sum(np.mean([score(x, y) for y in near[x]]) / 2 for x in (a, b))

    best = {key: max(near[key], key=lambda other, key=key: margin(key, other)) for key in near}
    found = {(a, b) if a in left else (b, a) for a, b in best.items()}
    used, kept = set(), []
    for a, b in sorted(found, key=lambda ends: -margin(*ends)):
        if not used & {a, b}:
            kept.append((a, b, margin(a, b)))
            used |= {a, b}
    return kept


@pytest.fixture
def random(tmp_path, new_index, monkeypatch):
    """Two indexes of 23 and 17 recordings of several frames, more than a block of either."""
    monkeypatch.setattr(nearest, "BLOCK", 5)
    monkeypatch.setattr(nearest, "CHUNK", 4)
    chance = np.random.default_rng(1)
    spoken = [
        {
            f"{side}{n:02}": chance.normal(0.5, 1, (chance.integers(1, 6), 8)).astype(np.float32)
            for n in range(count)
        }
        for side, count in (("l", 23), ("r", 17))
    ]
    folders = [new_index(tmp_path / name, frames) for name, frames in zip(("l", "r"), spoken, strict=True)]
    kept = [
        {
            entry.id: Index(folder).frames(n).astype(np.float32)
            for n, entry in enumerate(Index(folder).entries())
        }
        for folder in folders
    ]
    return Sides(*folders), kept


def test_as_the_plain_computation(random, tmp_path):
    sides, (left, right) = random
    mine(sides, ALL_PAIRS, tmp_path / "out", k=6, cut=9)
    found = read_rows(tmp_path / "out" / PAIRS, Pair)
    wanted = plain(left, right, 6, 9)
    assert [(row.source, row.target) for row in found] == [(a, b) for a, b, _ in wanted]
    assert [row.margin for row in found] == pytest.approx([margin for *_, margin in wanted], abs=1e-5)
    mine(sides, MUTUAL, tmp_path / "mutual", k=6, cut=9)
    assert {*pairs(tmp_path / "mutual")} < {*pairs(tmp_path / "out")}


@pytest.mark.parametrize("count", [2, 3, 20])
def test_shards_merged_are_the_whole_byte_for_byte(random, tmp_path, count):
    sides, _ = random
    mine(sides, MUTUAL, tmp_path / "whole/out", k=6, cut=9)
    out = tmp_path / "shards/out"
    for shard in reversed(Shard(0, count).shards()[1:]):
        assert mine(sides, MUTUAL, out, 6, 9, shard) == (shard.index <= 9)  # there are nine blocks
    with pytest.raises(
        UserError, match=f"out: shard 1/{count} has 0 of its .* blocks: run the same with --shard 1/"
    ):
        mine(sides, MUTUAL, out, 6, 9, Shard(0, count))
    assert mine(sides, MUTUAL, out, 6, 9, Shard(1, count)) and mine(sides, MUTUAL, out, 6, 9, Shard(0, count))
    assert files(out) == files(tmp_path / "whole/out")
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_killed_it_goes_on_after_the_last_block(random, tmp_path, monkeypatch):
    sides, _ = random
    mine(sides, ALL_PAIRS, tmp_path / "whole", k=6, cut=9)
    real, done = mining.neighbours, []

    def dies(banks, block, *counts):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(block)
        return real(banks, block, *counts)

    monkeypatch.setattr(mining, "neighbours", dies)
    with pytest.raises(KeyboardInterrupt):
        mine(sides, ALL_PAIRS, tmp_path / "out", k=6, cut=9)
    monkeypatch.setattr(mining, "neighbours", lambda *given: done.append(given[1]) or real(*given))
    mine(sides, ALL_PAIRS, tmp_path / "out", k=6, cut=9)
    assert len(done) == len({*done}) == 9 and files(tmp_path / "out") == files(tmp_path / "whole")


def test_another_threshold_finds_no_neighbours_anew(random, tmp_path, monkeypatch):
    sides, _ = random
    mine(sides, ALL_PAIRS, tmp_path / "out", k=6, cut=9)
    every = pairs(tmp_path / "out")
    margin = read_rows(tmp_path / "out" / PAIRS, Pair)[3].margin
    mine(sides, Rule(f"{margin - 1e-5:.6f}"), tmp_path / "new", k=6, cut=9)
    monkeypatch.setattr(mining, "neighbours", None)
    assert not mine(sides, Rule("1"), tmp_path / "out", 6, 9, Shard(1, 2))
    assert mine(sides, Rule(f"{margin - 1e-5:.6f}"), tmp_path / "out", k=6, cut=9)
    assert pairs(tmp_path / "out") == every[:4] and files(tmp_path / "out") == files(tmp_path / "new")
    (tmp_path / "out/mine").write_text("of the user")
    with pytest.raises(TypeError):  # another k needs them
        mine(sides, ALL_PAIRS, tmp_path / "out", 5, 9, WHOLE)


DAMAGES = {
    "cut": lambda x: x[:-5],
    "empty": lambda x: b"",
    "lost": lambda x: bytes(len(x)),
    "header": lambda x: x[:60],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_candidates_that_are_damaged_are_found_anew(random, tmp_path, damage):
    mine(random[0], Rule("1"), tmp_path / "out", 5, 9)
    whole = files(tmp_path / "out")
    file = tmp_path / "out/candidates.npy"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert mine(random[0], Rule("1.01"), tmp_path / "out", 5, 9)
    assert mine(random[0], Rule("1"), tmp_path / "out", 5, 9) and files(tmp_path / "out") == whole


@pytest.mark.parametrize("line", ['"@@@"', "5", "null", '"AAAA"', '"AAA"', '"\u00e9"', "[]", '""'])
def test_a_shard_that_is_damaged_is_named_and_made_again(random, tmp_path, line):
    mine(random[0], Rule("1"), tmp_path / "whole", 5, 9)
    for n in (1, 2):
        mine(random[0], Rule("1"), tmp_path / "out", 5, 9, Shard(n, 2))
    journal = tmp_path / ".out.shards/2_of_2/.journal"
    journal.write_text("\n".join([*journal.read_text().splitlines()[:-1], line, ""]))
    with pytest.raises(
        UserError, match=r"out: shard 2/2 has \d of its \d+ blocks: run the same with --shard 2/2"
    ):
        mine(random[0], Rule("1"), tmp_path / "out", 5, 9, Shard(0, 2))
    mine(random[0], Rule("1"), tmp_path / "out", 5, 9, Shard(2, 2))
    mine(random[0], Rule("1"), tmp_path / "out", 5, 9, Shard(0, 2))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_in_one_index_nothing_is_paired_with_itself_or_what_overlaps_it(tmp_path, new_index):
    places = {"a": ("/long.wav", 0.0, 2.0), "b": ("/long.wav", 1.9, 4.0), "c": ("/long.wav", 4.0, 6.0)}
    frames = {"a": turned(0), "b": turned(1), "c": turned(2), "d": turned(60), "e": turned(63)}
    index = new_index(tmp_path / "one", frames, places=places)
    mine(Sides(index, index), ALL_PAIRS, tmp_path / "out", k=2)
    # a and b overlap: neither is a neighbour of the other, and only one of them is in a pair. d-e has 1.326;
    # a-c cos 2 / (((cos 2 + cos 60) + (cos 1 + cos 2)) / 4) = 0.9994 / 0.8747 = 1.143; b-c 0.9998 / 0.8785 = 1.138.
    rows = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert [sorted((row.source, row.target)) for row in rows] == [["d", "e"], ["a", "c"]]
    assert [row.margin for row in rows] == pytest.approx([1.326, 1.143], abs=2e-3)


@pytest.fixture
def sung_indexes(tmp_path):
    """A data directory, and an index of it by mel bands."""
    data = sing(tmp_path, "test")
    add(tmp_path / "index", [data], "fbank")
    return data, tmp_path / "index"


def test_pairs_become_data_directories_in_which_they_are_translations(sung_indexes, tmp_path):
    data, index = sung_indexes
    run = CliRunner().invoke
    words = [
        "--source",
        f"{index}",
        "--target",
        f"{index}",
        "--source_variety",
        "cmn",
        "--target_variety",
        "yue",
    ]
    dev = run(
        cli, ["mine", *words, "--truth", f"{data}", "--out", f"{tmp_path / 'dev'}"], catch_exceptions=False
    )
    assert "all all: 7 of 7 right, precision 1.000, recall 0.875, F1 0.933" in dev.output
    told = run(cli, ["mine", *words, "--threshold", f"{tmp_path / 'dev'}", "--out", f"{tmp_path / 'out'}"])
    assert told.output.startswith(f"{tmp_path / 'out'}: written\n{tmp_path / 'out'}: 7 pairs of a margin of ")
    made_by = json.loads((tmp_path / "out/mining.json").read_text())
    assert (made_by["encoder"], made_by["source_varieties"], made_by["threshold_of"]["f1"]) == (
        "fbank",
        ["cmn"],
        pytest.approx(14 / 15),
    )
    home = corpora.prepare("manifest", (tmp_path / "out" / MANIFEST).parent, tmp_path / "data")["mined"]
    utterances = datadir.read(home)
    of_sentence: dict[str, list] = {}
    for one in utterances:
        of_sentence.setdefault(one.sentence, []).append(one)
    assert len(utterances) == 14 and len(of_sentence) == 7
    assert all([one.variety for one in both] == ["cmn", "yue"] for both in of_sentence.values())
    assert all(a.text_cmn == b.text_cmn for a, b in of_sentence.values())


READING = """\
import numpy as np

from fangyan.encoders import Encoder


class Letters(Encoder):
    modality, layers, frame_rate = "text", ("joint",), 0.0

    def encode(self, items):
        return [[np.bincount([ord(c) % 97 for c in text], minlength=97)[None].astype("float32") for text in items]]


def load_text(argument, device):
    return Letters()


class Speech(Encoder):
    layers, frame_rate = ("joint",), 0.0

    def text_side(self):
        return Letters()


load = lambda argument, device: Speech()
"""
"""An encoder of speech with a text side, for which a text is how often each character is in it."""


@pytest.fixture
def spoken(tmp_path, package):
    """An index of the layer joint: four sentences, each spoken twice and nearly what its text is, and one of noise."""
    package("reading", "[fangyan.encoders]\nreading = reading\n", READING)
    (tmp_path / "joint").mkdir()
    index = create(tmp_path / "joint", Settings("reading", identity("reading"), "joint", 97))
    chance = np.random.default_rng(0)
    vectors = {f"{n}-{text}": counts(text) for text in SENTENCES for n in "ab"} | {"noise": np.zeros((1, 97))}
    for key, vector in vectors.items():
        found = vector + 0.1 * chance.random((1, 97))
        entry = Entry(key, f"/{key}.wav", 0.0, None, "yue", "", "", 1, 0)
        index.append([(entry, found / np.linalg.norm(found), -1)])
    (tmp_path / "texts").write_text("".join(f"{text}\n" for text in (*SENTENCES, "我")), encoding="utf-8")
    return Sides(tmp_path / "joint", texts=tmp_path / "texts")


def test_sentences_in_place_of_a_target(spoken, tmp_path):
    assert mine(spoken, Rule("1.2"), tmp_path / "out", k=4)
    rows = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert sorted((row.target, row.source) for row in rows) == sorted(
        (t, f"{n}-{t}") for t in SENTENCES for n in "ab"
    )
    assert {(row.target_wav, row.target_variety) for row in rows} == {("", "")}
    lines = [json.loads(line) for line in (tmp_path / "out" / MANIFEST).read_text().splitlines()]
    assert [(line["text_cmn"], line["audio"]) for line in lines] == [
        (row.target, row.source_wav) for row in rows
    ]
    assert len({line["sentence"] for line in lines}) == 4
    data = tmp_path / "data"  # what is known of the eight, by their wording
    data.mkdir()
    for name, value in (("wav.scp", "/{}.wav"), ("utt2sent", "s{}"), ("text_cmn", "{}")):
        keys = sorted(f"{n}-{text}" for text in SENTENCES for n in "ab")
        written = (f"{key} {value.format(key if name == 'wav.scp' else key[2:])}\n" for key in keys)
        (data / name).write_text("".join(written), encoding="utf-8")
    assert mine(spoken, Rule(truth=[data]), tmp_path / "out", k=4)
    score = read_choice(tmp_path / "out")
    assert (score.pairs, score.right, score.precision, score.recall) == (8, 8, 1.0, 1.0)
    with pytest.raises(
        UserError, match="--target_variety: sentences, which --texts names, are of no variety"
    ):
        mine(replace(spoken, target_varieties=["yue"]), MUTUAL, tmp_path / "out")
    with pytest.raises(UserError, match="--target INDEX or --texts FILE says where"):
        mine(Sides(tmp_path / "joint"), MUTUAL, tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which candidates are pairs: --threshold MARGIN, .* got none of them"),
        (["--mutual", "--precision", "0.9"], "--precision chooses a threshold: it needs --truth"),
        (
            ["--threshold", "nowhere"],
            "--threshold nowhere: a number, or a folder that `fangyan mine --truth` wrote",
        ),
        (["--threshold", "-0.5"], "--threshold -0.5: a margin is 0 at least, and 1 on average"),
        (["--mutual", "--source_variety", "yuo"], "--source_variety yuo: not in .*: did you mean 'yue'"),
        (["--truth", "{data}"], "--truth: where pairs are counted no recording is on both sides"),
        (
            ["--truth", "{other}", "--source_variety", "cmn", "--target_variety", "yue"],
            "--truth .*: no sentence of it is among the recordings of both sides",
        ),
        (
            ["--mutual", "--target", "{fbank}"],
            "are two indexes of one encoder and layer, got mfcc .*, and fbank ",
        ),
    ],
)
def test_what_is_refused(sung_indexes, tmp_path, words, message):
    data, index = sung_indexes
    other = sing(tmp_path / "other", "dev")
    if "{fbank}" in words:
        add(tmp_path / "mfcc", [data], "mfcc")
    words = [word.format(data=data, other=other, fbank=tmp_path / "mfcc") for word in words]
    given = ["mine", "--source", f"{index}", "--target", f"{index}", "--out", f"{tmp_path / 'out'}", *words]
    with pytest.raises((UserError, DataError), match=message):
        CliRunner().invoke(cli, given, catch_exceptions=False)
    assert not (tmp_path / "out").exists()
