"""`fangyan.measure.significance`: intervals and comparisons by hand, and files that break a rule."""

from itertools import permutations

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.errors import DataError, UserError
from fangyan.files import read_table, write_table
from fangyan.measure.retrieval.tables import RANKS, RankedQuery
from fangyan.measure.significance import Interval, intervals, paired_test, read_ranks
from fangyan.tables import columns

THREE = ("cmn", "hak", "yue")


def queries(varieties, sentences: int) -> list[RankedQuery]:
    """One recording of each sentence in each variety, all with rank 1."""
    return [
        RankedQuery(a, b, f"{a}-{s}", f"s{s}", 1, 1, sentences)
        for a, b in permutations(varieties, 2)
        for s in range(sentences)
    ]


def write_ranks(folder, layers) -> None:
    rows = [
        dict(zip(RANKS, (layer, *query), strict=True)) for layer, found in layers.items() for query in found
    ]
    write_table(folder / "ranks.tsv", rows, RANKS)


def ranked(found, ranks) -> list[RankedQuery]:
    return [q._replace(rank=rank) for q, rank in zip(found, ranks, strict=True)]


def test_intervals_file(tmp_path):
    asked = queries(THREE, 3)
    rank = [3 if q.sentence == "s0" else 1 for q in asked]
    write_ranks(tmp_path / "retrieval" / "test", {"layer00": ranked(asked, rank), "layer01": asked})
    assert intervals(tmp_path / "retrieval", ["test"], tmp_path / "out") == [tmp_path / "out" / "test"]
    rows = read_table(tmp_path / "out" / "test" / "intervals.tsv")
    assert tuple(rows[0]) == columns(Interval)
    assert [(row["layer"], row["metric"]) for row in rows] == [
        (layer, metric)
        for layer in ("layer00", "layer01")
        for metric in ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")
    ]
    # s0 is drawn never to thrice: R@1 from 0 to 1, MRR from 1/3.
    ends = [tuple(round(float(row[name]), 4) for name in ("mean", "low", "high")) for row in rows]
    assert ends[0] == (0.6667, 0, 1) and ends[1] == ends[2] == (1, 1, 1) and ends[3] == (0.7778, 0.3333, 1)
    assert ends[4:] == [(1, 1, 1)] * 4  # all right: nothing to be unsure of
    assert {(row["n"], row["clusters"], row["chance"]) for row in rows} == {("18", "3 sentences", "0.333333")}


def test_finished_work_is_kept_and_changed_input_is_not(tmp_path):
    folder = tmp_path / "retrieval" / "test"
    write_ranks(folder, {"norm": queries(THREE, 3)})
    arguments = tmp_path / "retrieval", ["test"], tmp_path / "out"
    assert intervals(*arguments) and not intervals(*arguments)
    assert intervals(*arguments, seed=1) and intervals(*arguments, draws=100)
    write_ranks(folder, {"norm": queries(THREE, 4)})
    assert intervals(*arguments, draws=100)


def test_a_comparison_by_hand(tmp_path):
    # a is right on all of 8 sentences; b is wrong on s0 in every pair: difference 1/8.
    asked = queries(THREE, 8)
    worse = ranked(asked, [2 if q.sentence == "s0" else 1 for q in asked])
    write_ranks(tmp_path, {"layer00": worse, "layer01": asked})
    found = paired_test(tmp_path, "layer01", tmp_path, "layer00")
    assert (found.a, found.b, found.difference) == pytest.approx((1, 7 / 8, 1 / 8))
    assert found.low == 0 and found.high == pytest.approx(3 / 8)  # s0 drawn 0 to 3 times of 8: 98 %
    assert found.p == 1  # whichever way the one sentence is flipped, it is as far from 0
    assert (found.n, found.clusters, found.chance) == (48, "8 sentences", pytest.approx(1 / 8))
    turned = paired_test(tmp_path, "layer00", tmp_path, "layer01")
    assert (turned.difference, turned.low, turned.high) == (-found.difference, -found.high, -found.low)


def test_identical_systems_do_not_differ(tmp_path):
    asked = queries(THREE, 6)
    rank = np.random.default_rng(0).integers(1, 4, len(asked)).tolist()
    write_ranks(tmp_path, {"norm": ranked(asked, rank), "turned": ranked(asked, rank)[::-1]})
    found = paired_test(tmp_path, "norm", tmp_path, "turned")  # the order of the rows says nothing
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_one_sentence_is_not_enough(tmp_path):
    write_ranks(tmp_path / "test", {"norm": queries(THREE, 1)})
    with pytest.raises(DataError, match=r"ranks.tsv: layer norm: .* needs at least 2 of them, got s0"):
        intervals(tmp_path, ["test"], tmp_path / "out")
    with pytest.raises(DataError, match=r"ranks.tsv: layer norm: .* needs at least 2 of them, got s0"):
        paired_test(tmp_path / "test", "norm", tmp_path / "test", "norm")
    assert not (tmp_path / "out" / "test").exists()


def test_only_the_same_queries_are_compared(tmp_path):
    asked = queries(THREE, 3)
    write_ranks(tmp_path / "a", {"norm": asked})
    write_ranks(tmp_path / "b", {"norm": [q for q in asked if (q.query, q.target) != ("hak-1", "cmn")]})
    with pytest.raises(DataError, match=r"b/ranks.tsv: .* none like hak-1 of sentence s1 from hak to cmn"):
        paired_test(tmp_path / "a", "norm", tmp_path / "b", "norm")
    with pytest.raises(DataError, match=r"b/ranks.tsv: .* none like hak-1 .* in .*a/ranks.tsv"):
        paired_test(tmp_path / "b", "norm", tmp_path / "a", "norm")
    write_ranks(tmp_path / "c", {"norm": [q._replace(candidates=9) for q in asked]})
    with pytest.raises(DataError, match=r"1 of 3 right"):
        paired_test(tmp_path / "a", "norm", tmp_path / "c", "norm")


HEAD = "\t".join(RANKS) + "\n"
ROW = "norm\tcmn\thak\tcmn-0\ts0\t1\t1\t3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer\tsource\n", r"ranks.tsv:1: the columns are layer source target query .*, got layer source$"),
        (HEAD, r"ranks.tsv:2: .* got none"),
        (HEAD + ROW.replace("s0", "s\xe9"), r"ranks.tsv:2: must be UTF-8, got"),
        (HEAD + ROW + "norm\tcmn\n", r"ranks.tsv:3: 8 columns .*, got 2"),
        (HEAD + ROW.replace("\t1\t", "\t1.5\t", 1), r"ranks.tsv:2: .* whole numbers, got 1.5 1 3"),
        (HEAD + ROW.replace("\t1\t1\t3", "\t4\t1\t3"), r"ranks.tsv:2: .* got rank 4, 1 of 3 right"),
        (HEAD + ROW.replace("\t1\t1\t3", "\t0\t1\t3"), r"ranks.tsv:2: .* got rank 0"),
        (HEAD + ROW.replace("\t1\t1\t3", "\t1\t0\t3"), r"ranks.tsv:2: .* 0 of 3 right"),
        (
            HEAD + ROW.replace("\t3\n", "\t" + "9" * 5000 + "\n"),
            r"ranks.tsv:2: .* whole numbers, got 1 1 999",
        ),
        (HEAD + ROW + ROW, r"ranks.tsv: a query has one row a layer, got 2 of cmn hak cmn-0 in norm"),
        (HEAD + ROW + ROW.replace("norm", "layer00") + ROW, r"ranks.tsv: .* stand together, got norm again"),
    ],
)
def test_malformed_ranks_say_where(tmp_path, text, message):
    (tmp_path / "ranks.tsv").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        list(read_ranks(tmp_path / "ranks.tsv"))


def test_bad_use_says_what_to_do(tmp_path):
    write_ranks(tmp_path / "test", {"layer00": queries(THREE, 2), "norm": queries(THREE, 2)})
    with pytest.raises(UserError, match="no layer 'layer09': known are layer00, norm"):
        paired_test(tmp_path / "test", "layer00", tmp_path / "test", "layer09")
    with pytest.raises(DataError, match=r"dev/ranks.tsv: no such file: .*: known are test$"):
        intervals(tmp_path, ["dev"], tmp_path / "out")
    with pytest.raises(UserError, match="a folder of their own"):
        intervals(tmp_path, ["test"], tmp_path)
    with pytest.raises(UserError, match=r"--set \.\./a/test: the name of a set, no path"):
        intervals(tmp_path, ["../a/test"], tmp_path / "out")


def test_line_ends_of_windows_are_line_ends(tmp_path):
    (tmp_path / "ranks.tsv").write_text((HEAD + ROW).replace("\n", "\r\n"), newline="")
    assert [layer for layer, _ in read_ranks(tmp_path / "ranks.tsv")] == ["norm"]


@pytest.mark.parametrize(
    ("named", "place", "sets"),
    [
        ("retrieval", "retrieval", "dev, test"),  # one level too high
        ("", "", "retrieval/dev, retrieval/test"),  # two
        ("retrieval/tset", "retrieval", "dev, test"),
        ("retrieval/test/deep", "retrieval/test", ""),
    ],
)
def test_a_folder_that_is_no_set_is_told_with_the_sets_nearby(tmp_path, named, place, sets):
    for name in ("dev", "test"):
        (tmp_path / "retrieval" / name).mkdir(parents=True)
        write_ranks(tmp_path / "retrieval" / name, {"norm": queries(THREE, 3)})
    told = f"in {tmp_path / place}: .*known are {sets}$" if sets else "run the stage measure first$"
    with pytest.raises(DataError, match=rf"ranks\.tsv: no such file: .*{told}"):
        paired_test(tmp_path / named, "norm", tmp_path / "retrieval" / "test", "norm")
    with pytest.raises(DataError, match=rf"ranks\.tsv: no such file: .*{told}"):
        paired_test(tmp_path / "retrieval" / "test", "norm", tmp_path / named, "norm")


def test_intervals_of_a_folder_one_level_too_high_are_told_where_the_sets_are(tmp_path):
    (tmp_path / "retrieval" / "test").mkdir(parents=True)
    write_ranks(tmp_path / "retrieval" / "test", {"norm": queries(THREE, 3)})
    with pytest.raises(DataError, match=rf"in {tmp_path}: known are retrieval/test$"):
        intervals(tmp_path, ["test"], tmp_path / "out")


def test_the_command_rounds_as_the_report_does(tmp_path):
    """80 queries of one pair, 5 of them right: 6.25 %; chance is 1.25 %."""
    asked = [RankedQuery("a", "b", f"a-{n}", f"s{n}", 1, 1, 80) for n in range(80)]
    ranks = {"few": [1] * 5 + [2] * 75, "none": [2] * 80}
    write_ranks(tmp_path, {layer: ranked(asked, of_layer) for layer, of_layer in ranks.items()})
    words = ["--a", f"{tmp_path}", "--layer_a", "few", "--b", f"{tmp_path}", "--layer_b", "none"]
    message = CliRunner().invoke(cli, ["significance", *words]).output
    assert message.startswith("R@1 6.3 and 0.0 %, difference +6.3 (95 %: ")
    assert message.endswith("chance 1.3 %\n")
