"""`fangyan.measure.retrieval` between recordings and texts, to the report: two folders of features from end to end."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from banks import archive, stamp
from click.testing import CliRunner

from fangyan import report
from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.encoders import Encoder
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.files import read_table
from fangyan.measure.pronunciation_control import control
from fangyan.measure.retrieval import retrieve
from fangyan.measure.retrieval.tables import MEANS, Group, Pair, RankedQuery
from fangyan.measure.seqsim import seqsim
from fangyan.measure.significance import intervals, paired_test, read_ranks
from fangyan.report.read.results import read
from fangyan.report.sections.breakdown import matrix
from fangyan.shards import Shard
from fangyan.tables import read_rows


def paths(home: Path, out: str = "out") -> tuple[Path, list[Path], Path]:
    return home / "speech", [home / "data"], home / out


def against(home: Path, *columns: str) -> dict[str, list[tuple[Path, str]]]:
    return {"against": [(home / "text", column) for column in columns or ("",)]}


def pairs(folder: Path, layer: str) -> dict[tuple[str, str], Pair]:
    rows = read_rows(folder / "pairs.tsv", Pair)
    return {(row.source, row.target): row for row in rows if row.layer == layer}


def test_speech_finds_text_and_text_speech(bilingual):
    assert retrieve(*paths(bilingual), **against(bilingual)) == [bilingual / "out/data"]
    found = pairs(bilingual / "out/data", "layer01|sentence")
    names = ("cmn", "site", "text_cmn", "yue")
    assert list(found) == [(a, b) for a in names for b in names if a != b]
    assert {row.recall_at_1 for row in found.values()} == {1}
    # yue has s0 twice and s1, so that 2 of the 3 texts take part; each recording is a query, any of them is right.
    there, back = found["yue", "text_cmn"], found["text_cmn", "yue"]
    assert (there.n, there.chance) == (3, 1 / 2)
    assert (back.n, back.chance) == (2, pytest.approx((2 / 3 + 1 / 3) / 2))
    assert (found["site", "text_cmn"].n, found["site", "text_cmn"].chance) == (
        3,
        pytest.approx(1 / 3, abs=1e-6),
    )
    ranked = dict(read_ranks(bilingual / "out/data/ranks.tsv"))
    assert list(ranked) == ["layer00|sentence", "layer01|sentence"]
    assert [q for q in ranked["layer01|sentence"] if q[:2] == ("text_cmn", "yue")] == [
        RankedQuery("text_cmn", "yue", "s0", "s0", 1, 2, 3),
        RankedQuery("text_cmn", "yue", "s1", "s1", 1, 1, 3),
    ]


def test_rows_between_varieties_are_those_of_speech_alone(bilingual):
    retrieve(*paths(bilingual), **against(bilingual))
    retrieve(*paths(bilingual, "alone"))
    for layer in ("layer00", "layer01"):
        alone, both = (
            pairs(bilingual / "alone/data", layer),
            pairs(bilingual / "out/data", f"{layer}|sentence"),
        )
        assert alone == {
            ends: Pair(**vars(row) | {"layer": layer}) for ends, row in both.items() if "text_cmn" not in ends
        }


def test_ranks_are_those_of_single_pairs(bilingual):
    retrieve(*paths(bilingual), **against(bilingual))
    speech = dump.read_features(bilingual / "speech/data", "layer00")
    text = dump.read_features(bilingual / "text/data", "sentence")
    for row in dict(read_ranks(bilingual / "out/data/ranks.tsv"))["layer00|sentence"]:
        if (row.source, row.target) == ("site", "text_cmn"):
            scores = {key: seqsim(speech[row.query], frames).f1 for key, frames in text.items()}
            assert row.rank == 1 + sum(
                scores[key] >= scores[row.sentence] for key in scores if key != row.sentence
            )


def test_a_text_column_is_a_group_of_its_own(bilingual):
    retrieve(*paths(bilingual), **against(bilingual))
    cells = read_rows(bilingual / "out/data/groups.tsv", Group)
    found = {(g.source_group, g.target_group): g for g in cells if g.layer == "layer00|sentence"}
    assert len(found) == 12 and {(g.cell, g.pairs) for g in found.values()} == {("across", 1)}
    of_pair = pairs(bilingual / "out/data", "layer00|sentence")["yue", "text_cmn"]
    assert [getattr(found["yue", "text_cmn"], name) for name in MEANS] == [
        getattr(of_pair, name) for name in MEANS
    ]


@pytest.fixture
def own(bilingual) -> Path:
    """Also ``own/data``: what each variety says for a sentence, by the id of its first utterance."""
    said = {u.id: int(u.sentence[1]) for u in datadir.read(bilingual / "data") if u.id != "yue-1"}
    archive(bilingual / "own/data", "sentence", {key: np.eye(4)[n][None] for key, n in said.items()})
    stamp(bilingual / "own/data", column="text")
    return bilingual


def test_two_text_columns_at_once(own):
    """A layer of each of three folders, and texts find texts."""
    retrieve(*paths(own), layers=["layer01"], against=[(own / "text", ""), (own / "own", "text")])
    found = pairs(own / "out/data", "layer01|sentence|sentence")
    assert len(found) == 7 * 6 and {row.recall_at_1 for row in found.values()} == {1}
    assert found["text_cmn", "text:yue"].n == 2 and found["text:cmn", "text_cmn"].n == 3


def test_a_text_encoder_by_itself(own):
    """Its own column has a side for each variety, and no recordings take part."""
    retrieve(own / "own", [own / "data"], own / "out")
    found = pairs(own / "out/data", "sentence")
    names = ("text:cmn", "text:site", "text:yue")
    assert {ends: (row.n, row.recall_at_1) for ends, row in found.items()} == {
        (a, b): (2 if "text:yue" in (a, b) else 3, 1) for a in names for b in names if a != b
    }


def test_labels_for_sentences_are_zero_shot_classification(bilingual):
    """Recordings are classified by the texts of two labels, of which s2 shares one with s1."""
    labels = {
        u.id: {"s0": "rice", "s1": "rain", "s2": "rain"}[u.sentence] for u in datadir.read(bilingual / "data")
    }
    lines = "".join(f"{key} {label}\n" for key, label in sorted(labels.items()))
    (bilingual / "data/utt2topic").write_text(lines, encoding="utf-8")
    texts = {
        "rain": np.array([[0, 1, 1, 0]]),
        "rice": np.array([[1, 0, 0, 0]]),
        "snow": np.array([[1, 1, 1, 1]]),
    }
    archive(bilingual / "labels/data", "sentence", texts)
    options = {"layers": ["layer01"], "against": [(bilingual / "labels", "topic")], "sentences": "utt2topic"}
    assert retrieve(*paths(bilingual), **options) and not retrieve(*paths(bilingual), **options)
    found = pairs(bilingual / "out/data", "layer01|sentence")
    assert {(row.n, row.recall_at_1, row.chance) for ends, row in found.items() if ends[1] == "topic"} == {
        (3, 1, 0.5)
    }
    (bilingual / "data/utt2topic").write_text(lines.replace("cmn-0 rice", "cmn-0 rain"), encoding="utf-8")
    assert retrieve(*paths(bilingual), **options)
    assert pairs(bilingual / "out/data", "layer01|sentence")["site", "topic"].recall_at_1 == 1
    with pytest.raises(DataError, match=r"data/utt2mood: no such column: known are utt2topic"):
        retrieve(*paths(bilingual), sentences="utt2mood")
    assert read_table(bilingual / "out/data/.skipped.tsv") == [
        {"source": "cmn", "target": end, "sentences": "1"} for end in ("site", "yue", "topic")
    ]


class Letters(Encoder):
    """A text is the directions of its characters."""

    layers, frame_rate, modality = ("letters",), 0.0, "text"

    def encode(self, items):
        return [[np.eye(4, dtype=np.float32)[["abcd".index(char) for char in text]] for text in items]]


def test_what_a_dump_of_texts_writes_is_retrieved_without_recordings(tmp_path, monkeypatch):
    """The varieties word s2 differently; of two utterances of s1 in yue the first is taken."""
    tables = {
        "utt2spk": {"a-1": "a", "a-2": "a", "b-1": "b", "b-2": "b", "b-3": "b"},
        "utt2lang": {"a-1": "hak", "a-2": "hak", "b-1": "yue", "b-2": "yue", "b-3": "yue"},
        "utt2sent": {"a-1": "s1", "a-2": "s2", "b-1": "s1", "b-2": "s2", "b-3": "s1"},
        "text": {"a-1": "ab", "a-2": "cd", "b-1": "aab", "b-2": "cdd", "b-3": "d"},
        "text_cmn": {"a-1": "b", "a-2": "c", "b-1": "b", "b-2": "c", "b-3": "b"},
        "spk2utt": {"a": "a-1 a-2", "b": "b-1 b-2 b-3"},
    }
    (tmp_path / "data").mkdir()
    for name, table in tables.items():
        lines = "".join(f"{key} {value}\n" for key, value in table.items())
        (tmp_path / "data" / name).write_text(lines, encoding="utf-8")
    monkeypatch.setattr(dump, "load_encoder", lambda spec, modality: Letters())
    for column in ("text", "text_cmn"):
        dump.dump("fbank", [tmp_path / "data"], tmp_path / column, column=column)
    retrieve(tmp_path / "text", [tmp_path / "data"], tmp_path / "out", against=[(tmp_path / "text_cmn", "")])
    found = pairs(tmp_path / "out/data", "letters")
    sides = ("text:hak", "text:yue", "text_cmn")
    assert {ends: (row.n, row.recall_at_1) for ends, row in found.items()} == {
        (a, b): (2, 1) for a in sides for b in sides if a != b
    }
    queries = dict(read_ranks(tmp_path / "out/data/ranks.tsv"))["letters"]
    assert [q.query for q in queries if q.source == "text:yue"] == ["b-1", "b-2"] * 2


def test_one_variety_and_its_texts_are_two_sides(bilingual):
    spoken = [u for u in datadir.read(bilingual / "data") if u.variety == "cmn"]
    datadir.write(bilingual / "cmn", spoken)
    archive(bilingual / "speech/cmn", "layer01", {f"cmn-{n}": np.eye(4)[n][None] for n in range(3)})
    archive(bilingual / "text/cmn", "sentence", {f"s{n}": np.eye(4)[n][None] for n in range(3)})
    with pytest.raises(DataError, match="needs two varieties .* or one and a text column, .* got cmn$"):
        retrieve(bilingual / "speech", [bilingual / "cmn"], bilingual / "out")
    retrieve(bilingual / "speech", [bilingual / "cmn"], bilingual / "out", **against(bilingual, "text_cmn"))
    assert set(pairs(bilingual / "out/cmn", "layer01|sentence")) == {("cmn", "text_cmn"), ("text_cmn", "cmn")}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shares_joined_are_the_tables_of_one_process(bilingual):
    retrieve(*paths(bilingual, "whole"), **against(bilingual))
    for part in (*Shard(0, 3).shards(), Shard(0, 3)):
        retrieve(*paths(bilingual), part=part, **against(bilingual))
    assert content(bilingual / "out/data") == content(bilingual / "whole/data")


def test_finished_work_is_kept_until_texts_or_their_column_change(bilingual):
    assert retrieve(*paths(bilingual))
    assert retrieve(*paths(bilingual), **against(bilingual)) and not retrieve(
        *paths(bilingual), **against(bilingual)
    )
    (bilingual / "text/data/.done").unlink()
    assert not retrieve(*paths(bilingual), **against(bilingual, "text_cmn"))
    assert retrieve(*paths(bilingual), **against(bilingual, "text_eng"))
    archive(bilingual / "text/data", "layer00", {f"s{n}": np.ones((1, 3)) for n in range(3)})  # not read
    assert not retrieve(*paths(bilingual), **against(bilingual, "text_eng"))
    archive(bilingual / "text/data", "sentence", {f"s{n}": np.ones((1, 4)) for n in range(3)})
    assert retrieve(*paths(bilingual), **against(bilingual, "text_eng"))


def test_what_lies_in_different_spaces_is_not_compared(bilingual):
    with pytest.raises(
        DataError, match=r"one space, .* got 4 in .*speech/data/layer01, 3 in .*text/data/layer00:"
    ):
        retrieve(*paths(bilingual), layers=["layer01|layer00"], **against(bilingual))
    assert not (bilingual / "out").exists()


def test_malformed_texts_say_where(bilingual):
    archive(bilingual / "text/data", "sentence", {f"s{n}": np.full((1, 4), np.nan) for n in range(3)})
    with pytest.raises(
        DataError, match=r"layer00 and .*text/data/sentence: utterance s0: features must be finite"
    ):
        retrieve(*paths(bilingual), **against(bilingual))


def test_the_command_line(bilingual):
    common = [
        "retrieve",
        "--feats",
        f"{bilingual}/speech",
        "--data",
        f"{bilingual}/data",
        "--out",
        f"{bilingual}/out",
    ]
    texts = ["--against", f"{bilingual}/text", "--column", "text_cmn", "--layer", "layer01|sentence"]
    run = CliRunner().invoke(cli, [*common, *texts], catch_exceptions=False)
    assert (run.exit_code, run.output.splitlines()[0]) == (0, f"{bilingual}/out: written")
    assert list(pairs(bilingual / "out/data", "layer01|sentence"))[1] == ("cmn", "text_cmn")
    cells = [line.split("  ")[0] for line in run.output.splitlines()[-3:]]
    assert cells == ["speech to speech", "speech to text", "text to speech"]
    with pytest.raises(UserError, match="--column: one for each --against, got 2 for 1"):
        CliRunner().invoke(cli, [*common, *texts, "--column", "text"], catch_exceptions=False)
    with pytest.raises(DataError, match=r"speech/data: sides have names .* got cmn again: .* with --column"):
        CliRunner().invoke(cli, [*common, "--against", f"{bilingual}/speech"], catch_exceptions=False)


def test_intervals_and_significance_are_of_these_rows_as_well(bilingual):
    retrieve(*paths(bilingual), **against(bilingual))
    intervals(bilingual / "out", ["data"], bilingual / "intervals")
    rows = read_table(bilingual / "intervals/data/intervals.tsv")
    mean = next(row for row in rows if (row["layer"], row["metric"]) == ("layer00|sentence", "mrr"))
    expected = fmean(row.mrr for row in pairs(bilingual / "out/data", "layer00|sentence").values())
    assert float(mean["mean"]) == pytest.approx(expected, abs=1e-5)
    assert (mean["n"], mean["clusters"]) == ("33", "3 sentences")
    folder = bilingual / "out/data"
    found = paired_test(folder, "layer01|sentence", folder, "layer00|sentence")
    assert (found.a, found.n) == (1, 33) and found.difference > 0


def test_the_report_reads_them(bilingual, monkeypatch):
    exp = bilingual / "exp"
    retrieve(bilingual / "speech", [bilingual / "data"], exp / "retrieval", **against(bilingual))
    retrieve(
        bilingual / "speech", [bilingual / "data"], exp / "retrieval_pooled", "pooled", **against(bilingual)
    )
    intervals(exp / "retrieval", ["data"], exp / "intervals")
    (exp / "retrieval/data").rename(exp / "retrieval/dev")
    retrieve(bilingual / "speech", [bilingual / "data"], exp / "retrieval", **against(bilingual))
    experiment = read(exp, "dev", ["data"], data=bilingual)
    assert experiment.encoder.layer == "layer01|sentence"
    assert matrix(experiment, "data").header == ("source / target", "cmn", "yue", "site", "text_cmn")
    written = report.report(report.Asked(exp, "dev", ["data"], data=bilingual)).read_text(encoding="utf-8")
    assert "| text_cmn " in written and "layer01\\|sentence" in written
    assert (
        "Means on data are over pairs of 3 kinds, whose R@1 at layer01\\|sentence is: speech to speech 100.0 %, "
        "speech to text 100.0 %, text to speech 100.0 %."
    ) in written
    assert "| text_cmn " in (exp / "tables/data.groups.md").read_text(encoding="utf-8")


def test_texts_are_not_controlled_for_sound(bilingual, capsys):
    assert control(bilingual / "text", [bilingual / "data"], bilingual / "out") == [bilingual / "out/data"]
    assert (
        f"{bilingual}/data: not controlled for sound, which texts (text_cmn) do not have"
        in capsys.readouterr().err
    )
    assert [path.name for path in (bilingual / "out/data").iterdir()] == [".done"]
