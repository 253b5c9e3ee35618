"""`fangyan.errors`: what is suggested for a name that is not known, and where a path is looked for."""

from pathlib import Path

import pytest

from fangyan.errors import known_names, nearest, seen_from


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("tst", ["dev", "test"], "test"),
        ("dve", ["dev", "test"], "dev"),
        ("layer4", ["layer03", "layer04", "norm"], "layer04"),
        ("layer09", ["layer00", "layer01"], ""),  # another number is no slip of the finger
        ("test_2", ["test_1", "test_3"], ""),
        ("nope", ["dev", "test"], ""),
        ("dev", ["dev"], ""),
        ("", ["dev"], ""),
        ("dev", [], ""),
    ],
)
def test_the_nearest_name_is_alike_and_has_the_same_numbers(name, known, meant):
    assert nearest(name, known) == meant


def test_a_message_ends_in_what_was_meant_and_all_that_is_known():
    assert known_names("tst", ["dev", "test"]) == "did you mean 'test'? known are dev, test"
    assert known_names("x", {"dev": 1}) == "known are dev"
    assert known_names("x", iter(())) == "known are none"


def test_a_relative_path_is_told_with_the_folder_that_it_is_relative_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seen_from("a/b.wav") == seen_from(Path("a")) == f", seen from {tmp_path}"
    assert seen_from("/a") == seen_from(tmp_path / "a") == ""
