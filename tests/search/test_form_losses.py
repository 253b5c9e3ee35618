"""`fangyan.search.form_losses`: what each form loses, by hand and through the command line."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.errors import DataError, UserError
from fangyan.search import add, form_losses, frame_codecs
from fangyan.search.form_losses import Loss, compare
from fangyan.search.index import Index, create

run = CliRunner().invoke


def test_by_hand(tmp_path, settings, entry, turned):
    near, far = (replace(entry(key, "cmn"), text_cmn=text) for key, text in (("near", "我"), ("far", "你")))
    own = entry("own", "yue")  # of the variety of the queries: never an answer
    copies = {}
    for form, angles in (("f16", (45, 50, 46)), ("int8", (44, 46.2, 46))):
        (tmp_path / form).mkdir()
        copies[form] = create(tmp_path / form, replace(settings, frames=form))
        spoken = zip((near, far, own), angles, strict=True)
        copies[form].append([(one, turned(angle, angle), -1) for one, angle in spoken])
    asked = {"yue": [(near, turned(46)), (far, turned(80))]}
    first, second = form_losses._losses(copies, asked)
    assert (first.frames, first.bytes, first.time, first.r1, first.same_best) == ("f16", 8, 1, 1, 1)
    assert (second.frames, second.bytes, second.r1, second.same_best) == ("int8", 4, 0.5, 0.5)


def test_every_form_of_one_index(indexed, sung, monkeypatch):
    monkeypatch.setattr(frame_codecs, "FEWEST", 256)
    rows = compare(indexed, [sung["test"]], ["f16", "int8", "pq", "pool:4"])
    assert [row.frames for row in rows] == ["f16", "int8", "pq", "pool:4"]
    half, eight, product, pooled = (row.bytes for row in rows)
    assert (half / eight, half / product) == (2, 8) and 3.5 < half / pooled <= 4
    assert rows[0].time == 1 and rows[0].same_best == 1 and rows[1].same_best >= 0.9
    assert all(0 <= share <= 1 for row in rows for share in (row.r1, row.same_best))


def test_the_command_line_prints_a_line_a_form(indexed, sung, monkeypatch):
    monkeypatch.setattr(form_losses, "compare", lambda *given: [Loss("f16", 7680.4, 1.0, 0.9771, 1.0)])
    told = run(cli, ["index_forms", str(sung["test"]), "--index", str(indexed)], catch_exceptions=False)
    assert told.stdout.splitlines() == ["frames\tbytes\ttime\tr1\tsame_best", "f16\t7,680\t1.00\t97.7\t100.0"]


def test_what_cannot_be_compared(indexed, sung, tmp_path):
    with pytest.raises(UserError, match="--frames f8: known are"):
        compare(indexed, [sung["test"]], ["f8"])
    with pytest.raises(DataError, match="utt2lang and text_cmn of each query say what is right, got none"):
        compare(indexed, [sung["test"].parent / "wav" / "yuetest-s03.wav"])
    add(tmp_path / "eight", [sung["test"]], "fbank", form="int8")
    with pytest.raises(UserError, match="frames of int8: losses are measured from an index of f16"):
        compare(tmp_path / "eight", [sung["test"]])
    index = Index(tmp_path / "eight")
    (tmp_path / "one").mkdir()
    one = create(tmp_path / "one", replace(index.settings, frames="f16"))
    one.append([(index.entry(0), index.frames(0), -1)])
    with pytest.raises(
        DataError, match="one: recordings of another variety than [a-z]+ are needed, got none"
    ):
        compare(tmp_path / "one", [sung["test"]])
