"""`fangyan.search`: the first cut and the ranking against the plain computation of both."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.errors import DataError, UserError
from fangyan.features.embedding import frames_of
from fangyan.measure.seqsim import seqsim
from fangyan.search import SHORTLIST, nearest, search
from fangyan.search.index import Index, create, mean


@pytest.fixture
def five(tmp_path, settings, entry, turned):
    """An index of five recordings, whose best first cut is not the best by SeqSim."""
    index = create(tmp_path, settings)
    spoken = {"a": (0, 90), "b": (45,), "c": (50, 40), "d": (-90,), "e": (0, 90)}
    index.append([(entry(key), turned(*degrees), -1) for key, degrees in spoken.items()])
    return index


def test_by_hand(five, turned):
    # The means of a, b, c and e all point to 45 degrees; frame by frame only a and e are the query.
    ((first, second, third),) = nearest(five, [turned(0, 90)], top=3)
    assert [hit.entry.id for hit in (first, second)] == [
        "a",
        "e",
    ]  # equal: the first in the index comes first
    assert (first.f1, first.cosine) == (pytest.approx(1), pytest.approx(1))
    # c: each frame of the query is 40 degrees from its best, and each of c's from a frame of the query
    assert third.entry.id == "c" and third.precision == pytest.approx(np.cos(np.deg2rad(40)), abs=1e-3)
    # Only what the first cut leaves is ranked.
    ((only,),) = nearest(five, [turned(-80)], top=3, cut=1)
    assert only.entry.id == "d" and only.f1 == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-3)
    ((among,),) = nearest(five, [turned(0, 90)], top=1, rows=np.array([1, 3]))
    assert among.entry.id == "b"


def test_length_does_not_count(five, turned):
    (one,), (long,) = (nearest(five, [scale * turned(0, 90)], top=1) for scale in (1, 1e4))
    assert one[0].f1 == pytest.approx(long[0].f1, abs=1e-6)


def test_malformed_queries(five, turned):
    with pytest.raises(DataError, match="must have one dimension, got 3 .* and 2"):
        nearest(five, [np.ones((2, 3), np.float32)])
    with pytest.raises(DataError, match="must be finite"):
        nearest(five, [turned(0) * np.nan])


def test_every_cut_against_the_plain_computation(indexed, sung):
    index = Index(indexed)
    exact = dict(frames_of(index.settings.encoder(), datadir.read(sung["dev"]), ""))
    rows = {entry.id: index.frames(n).astype(np.float32) for n, entry in enumerate(index.entries())}
    for frames in list(exact.values())[::5]:
        unit = frames / np.linalg.norm(frames, axis=1, keepdims=True)
        by_mean = sorted(rows, key=lambda key: -mean(unit) @ mean(rows[key]))
        for cut in (1, 5, 100):
            left = {key: seqsim(frames, rows[key]).f1 for key in by_mean[:cut]}
            (hits,) = nearest(index, [frames], top=3, cut=cut)
            assert [hit.f1 for hit in hits] == pytest.approx(
                sorted(left.values(), reverse=True)[:3], abs=1e-5
            )
            assert all(left[hit.entry.id] == pytest.approx(hit.f1, abs=1e-5) for hit in hits)


def test_an_utterance_finds_itself_first(indexed, sung):
    found = search(indexed, [sung["test"]], top=3)
    assert list(found) == [u.id for u in datadir.read(sung["test"])]
    for key, hits in found.items():
        assert hits[0].entry.id == key and hits[0].f1 > 0.999
        assert hits[0].f1 >= hits[1].f1 >= hits[2].f1


def test_only_the_varieties_that_are_asked_for(indexed, sung):
    query = sung["dev"].parent / "wav" / "cmndev-s02.wav"
    (hits,) = search(indexed, [query], top=99, varieties=["yue", "hak"]).values()
    assert {hit.entry.variety for hit in hits} == {"yue", "hak"} and len(hits) == 16
    with pytest.raises(UserError, match="--variety nan: not among .* of this index: known are cmn, hak, yue"):
        search(indexed, [query], varieties=["nan"])


def test_an_index_of_plain_files_has_no_varieties(tmp_path, sung):
    from fangyan.search import add

    query = sung["dev"].parent / "wav" / "cmndev-s02.wav"
    add(tmp_path / "index", [query], "fbank")
    with pytest.raises(UserError, match="varieties of this index: none, it was made without"):
        search(tmp_path / "index", [query], varieties=["yue"])


def test_an_empty_index(tmp_path, settings, sung):
    create(tmp_path, settings)
    with pytest.raises(UserError, match="an index without recordings: add some with `fangyan index`"):
        search(tmp_path, [sung["dev"]])


def test_an_unreadable_query_is_named(indexed, tmp_path):
    (tmp_path / "x.wav").write_text("no audio")
    with pytest.raises(DataError, match=r"x.wav: not readable as audio"):
        search(indexed, [tmp_path / "x.wav"])


def test_the_command_line_cuts_as_the_function_does():
    assert {p.name: p.default for p in cli.commands["search"].params}["cut"] == SHORTLIST


def test_the_command_line(sung, tmp_path):
    run = CliRunner().invoke
    folder = str(tmp_path / "index")
    made = run(cli, ["index", str(sung["test"]), "--encoder", "fbank", "--index", folder])
    assert made.stdout == f"{folder}: 24 recordings added, 0 were there\n"
    query = str(sung["test"].parent / "wav" / "yuetest-s03.wav")
    lines = run(cli, ["search", query, "--index", folder, "--top", "2"]).stdout.splitlines()
    header, first, second = (line.split("\t") for line in lines)
    row = dict(zip(header, first, strict=True))
    assert (row["query"], row["rank"], row["f1"], row["variety"]) == (query, "1", "1.0000", "yue")
    assert (row["id"], row["text"], row["text_cmn"]) == ("yuetest-s03", "你看书", "你看书")
    assert row["wav"] == query and len(second) == len(header)


def test_on_a_terminal_a_table_without_the_query_and_doubles(sung, tmp_path, monkeypatch):
    run = CliRunner().invoke
    folder, wavs = str(tmp_path / "index"), sung["test"].parent / "wav"
    run(cli, ["index", str(sung["test"]), "--encoder", "fbank", "--index", folder])
    added = run(cli, ["index", str(wavs), "--index", folder])  # the same recordings again, as files
    assert "were there" in added.output
    query = str(wavs / "yuetest-s03.wav")
    monkeypatch.setattr("fangyan.cli.use.on_terminal", lambda: True)
    lines = run(cli, ["search", query, "--index", folder, "--top", "3"]).stdout.splitlines()
    assert lines[1].split()[:3] == ["rank", "score", "variety"] and len(lines) == 2 + 3
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
    assert "yuetest-s03" not in "".join(lines[2:]) and max(map(len, lines)) <= 80
    found = search(Path(folder), [Path(query)], top=60, distinct=True)[query]
    places = [hit.entry.wav for hit in found]
    assert len(places) == len(set(places)) and query not in places
