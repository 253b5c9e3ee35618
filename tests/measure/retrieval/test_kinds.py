"""`fangyan.measure.retrieval.kinds`: which pairs a mean is over."""

import json

import pytest

from fangyan.measure.retrieval.kinds import by_kind
from fangyan.measure.retrieval.tables import Pair


def pair(source: str, target: str) -> Pair:
    return Pair("norm", source, target, 10, 0.5, 1.0, 1.0, 0.5, 1.0, 0.1)


@pytest.mark.parametrize(
    ("columns", "sides", "kinds"),
    [
        ([], "cmn yue", "speech to speech"),
        (["text_cmn"], "cmn text_cmn", "speech to text, text to speech"),
        (["text"], "cmn text:cmn", "speech to text, text to speech"),
        (["text", "topic"], "text:cmn topic", "text to text"),
        (["topic"], "text:cmn yue", "speech to speech"),  # a variety by speakers may be called so
    ],
)
def test_a_side_is_of_texts_where_the_stamp_names_its_column(tmp_path, columns, sides, kinds):
    (tmp_path / ".done").write_text(json.dumps({"columns": columns} if columns else {}))
    a, b = sides.split()
    found = by_kind(tmp_path, [pair(a, b), pair(b, a)])
    assert ", ".join(found) == kinds and sum(map(len, found.values())) == 2


def test_without_a_stamp_all_are_recordings(tmp_path):
    assert list(by_kind(tmp_path, [pair("cmn", "yue")])) == ["speech to speech"]
    assert by_kind(tmp_path, []) == {}
