"""`leaderboard.submission` and `schema`: what is read, and what is refused with file, key and rule."""

import json
import re
from copy import deepcopy
from functools import reduce
from typing import Any

import pytest

from fangyan.errors import DataError
from fangyan.leaderboard.submission import read, write

from .fabricated import pair, submission, written

GONE = object()


def changed(places: str, value: Any) -> dict[str, Any]:
    """The fabricated submission with another value at ``places``, keys joined by dots; `GONE`: without it."""
    found = deepcopy(submission())
    *way, last = (int(key) if key.isdigit() else key for key in places.split("."))
    home = reduce(lambda inner, key: inner[key], way, found)
    if value is GONE:
        del home[last]
    else:
        home[last] = value
    return found


def test_what_is_written_is_read(tmp_path):
    found = read(written(tmp_path / "a.json", submission()))
    assert (found.encoder.name, found.layer.how, found.mean.recall_at_1) == ("loud", "chosen on dev", 0.4)
    assert [(p.source, p.target, p.recall_at_1, p.low) for p in found.pairs] == [
        ("cmn", "yue", 0.6, 0.0),
        ("yue", "cmn", 0.2, 0.1),
    ]
    write(tmp_path / "b.json", found)
    assert read(tmp_path / "b.json") == found
    assert json.loads((tmp_path / "b.json").read_text()) == submission()


def test_what_is_not_known_of_the_origin_may_be_left_out_and_pairs_stand_in_any_order(tmp_path):
    bare = submission(origin={"versions": {}, "machine": {}}, pairs=submission()["pairs"][::-1])
    found = read(written(tmp_path / "a.json", bare))
    assert (found.origin.seed, found.origin.commit, found.origin.dirty) == (None, None, False)
    assert found.pairs == read(written(tmp_path / "b.json", submission())).pairs


@pytest.mark.parametrize(
    ("places", "value", "told"),
    [
        ("layer", GONE, "layer: is needed, got none"),
        ("corpus.fingerprint", GONE, "corpus: fingerprint: is needed, got none"),
        ("pairs.1.low", GONE, "pairs: 2: low: is needed, got none"),
        ("note", "hello", "the keys are form, protocol, .*, got 'note' as well"),
        ("form", 2, "form: is 1, the one that this version reads, got 2"),
        ("form", True, "form: is 1, the one that this version reads, got True"),
        ("encoder", [], r"encoder: is an object, got \[\]"),
        ("encoder", None, "encoder: is an object, got None"),
        ("encoder.name", 3, "encoder: name: is a line of text, got 3"),
        ("encoder.name", "", "encoder: name: is a line of text, got ''"),
        ("encoder.name", "a\n\x1b[2Jb", r"encoder: name: is a line of text, got 'a\\n\\x1b\[2Jb'"),
        ("encoder.name", "\ud800", r"encoder: name: is a line of text, got '\\ud800'"),
        ("encoder.fingerprint", "C" * 64, "encoder: fingerprint: is 64 hexadecimal digits, got 'CCC.*[.]{3}"),
        ("corpus.varieties", "cmn", "corpus: varieties: is a list, got 'cmn'"),
        ("corpus.varieties", ["cmn", 1], "corpus: varieties: 2: is a line of text, got 1"),
        ("corpus.sentences", 1.5, "corpus: sentences: is a whole number above 0, got 1.5"),
        ("corpus.sentences", True, "corpus: sentences: is a whole number above 0, got True"),
        ("corpus.utterances", 0, "corpus: utterances: is a whole number above 0, got 0"),
        ("mean.recall_at_1", "0.4", r"mean: recall_at_1: is a fraction in \[0, 1\], got '0.4'"),
        ("mean.recall_at_1", float("nan"), r"mean: recall_at_1: is a fraction in \[0, 1\], got nan"),
        ("mean.high", float("inf"), r"mean: high: is a fraction in \[0, 1\], got inf"),
        ("pairs.0.low", -0.1, r"pairs: 1: low: is a fraction in \[0, 1\], got -0.1"),
        ("protocol.tie", float("nan"), "protocol: tie: is a number from 0 up, got nan"),
        (
            "origin.machine.memory_gib",
            float("nan"),
            "origin: machine: memory_gib: is a line of text or a number",
        ),
        ("origin.machine", {"a\nb": 1}, r"origin: machine: is an object, got \{'a"),
        ("origin.dirty", 1, "origin: dirty: is true or false, got 1"),
        ("origin.seed", "7", "origin: seed: is a whole number from 0 up, got '7'"),
        ("pairs", {}, r"pairs: is a list, got \{\}"),
        ("pairs", [], "pairs: has a row for each ordered pair, got none"),
        ("pairs.1", pair("cmn", "yue", 0.2), "pairs: has one row for each ordered pair, got cmn yue again"),
        ("protocol.score", "dtw", "protocol_hash: is that of protocol, [0-9a-f]{64}, got [0-9a-f]{64}"),
        ("mean.recall_at_1", 0.41, "mean: recall_at_1: is the mean over pairs, 0.4, got 0.41"),
        ("mean.chance", 0.2, "mean: chance: is the mean over pairs, 0.1, got 0.2"),
        ("mean.queries", 10, "mean: queries: is the sum over pairs, 20, got 10"),
        ("mean.low", 0.8, "mean: low: is at most high, got 0.8 and 0.75"),
        ("pairs.1.high", 0.05, "pairs: yue cmn: low: is at most high, got 0.1 and 0.05"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_file_and_key(tmp_path, places, value, told):
    path = written(tmp_path / "a.json", changed(places, value))
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}: {told}"):
        read(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: must be JSON, got Expecting value"),
        ('{"form": 1,\n"layer": }', ":2: must be JSON, got Expecting value"),
        ("[1]", ":1: must be a JSON object, got a list"),
        ('{"form": 1, "form": 1}', ": form: a key stands once in an object, got it again"),
        ('{"form": 1, "mean": {"low": 0, "low": 1}}', ": low: a key stands once in an object, got it again"),
        ("[" * 100_000, ": must be JSON, got brackets, or digits, without end"),
        (f'{{"form": {"1" * 5000}}}', ": must be JSON, got brackets, or digits, without end"),
        ('{"form": 1e999}', ": form: is 1|the keys|is needed"),
        ("\0", ":1: must be text, got a NUL byte"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, text, told):
    path = written(tmp_path / "a.json", text)
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}.*({told})"):
        read(path)
    with pytest.raises(DataError, match=r"gone.json: no such file"):
        read(tmp_path / "gone.json")


def test_what_no_submission_may_hold_is_not_written(tmp_path):
    found = read(written(tmp_path / "a.json", submission()))
    found.origin.machine["cpu"] = "a\nb"
    with pytest.raises(DataError, match=r"b.json: origin: machine: cpu: is a line of text or a number"):
        write(tmp_path / "b.json", found)
    assert not (tmp_path / "b.json").exists()
