"""Ids, names and paths, one by one."""

import pytest

from fangyan.data import names
from fangyan.errors import DataError, shown


@pytest.mark.parametrize("key", ["a", "a/b", "#", "語", "\U0002ebf0", "é", "e\u0301"])
def test_these_may_be_ids(key):
    assert names.is_id(key) and names.is_name(key)


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "a\u3000", "\u200b", "a\x00", "a\x85", "\u2028", "\udcff", "\ufeffa"]
)
def test_these_may_not(key):
    assert not names.is_id(key)


@pytest.mark.parametrize(
    ("value", "good"), [("Hong Kong", True), ("香\u3000港", True), (" ", False), ("a\u200d", False)]
)
def test_a_name_may_have_blanks(value, good):
    assert names.is_name(value) == good


@pytest.mark.parametrize("path", ["a.wav", "/x/a b.wav", "a|b.wav", "x.ark", "~.wav", "a-", "x.ark:17.wav"])
def test_plain_paths(path):
    names.plain_path("wav.scp:1", path)
    assert names.fits_a_line(path)


@pytest.mark.parametrize(
    "path", ["sox x |", "| x", "a | b", "x.ark:17", "x.ark:17[0:9]", "-", "~/a.wav", "~me/a.wav"]
)
def test_other_paths_are_named_with_a_way_out(path):
    with pytest.raises(
        DataError, match=r"wav\.scp:1: wav\.scp holds plain paths, got .*(write the audio|write the whole)"
    ):
        names.plain_path("wav.scp:1", path)
    assert not names.fits_a_line(path)


def test_what_cannot_be_seen_is_shown():
    assert shown("a\u200b語 \udcff") == r"a\u200b語 \udcff"
