"""Names of what is defined here or in other packages."""

from collections import OrderedDict

import pytest

from fangyan.errors import DataError, UserError
from fangyan.registry import Registry, task_name

SHAPES = Registry("shape", "fangyan.test_shapes", {"ordered": "collections:OrderedDict", "json": "json"})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a package with these entry points of the group."""

    def write(entries: str) -> None:
        about = tmp_path / "round_shapes-2.1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: round-shapes\nVersion: 2.1\n")
        (about / "entry_points.txt").write_text(f"[fangyan.test_shapes]\n{entries}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return write


def test_a_name_stands_for_a_module_or_what_is_in_it():
    import json

    assert SHAPES.load("ordered") is OrderedDict
    assert SHAPES.load("json") is json
    assert "json" in SHAPES and "round" not in SHAPES


def test_other_packages_add_names_but_take_none(install):
    install("round = fractions:Fraction\njson = fractions")
    from fractions import Fraction

    assert SHAPES.load("round") is Fraction
    assert SHAPES.load("json").__name__ == "json"
    assert (SHAPES.package("round"), SHAPES.package("json")) == ("round-shapes 2.1", "")


def test_an_unknown_name_is_answered_with_the_known_ones(install):
    install("round = fractions:Fraction\nflat = fractions:no")
    with pytest.raises(
        UserError, match="^shape 'squre' is not installed: known are ordered, json, round, flat$"
    ):
        SHAPES.load("squre")
    with pytest.raises(UserError, match="^shape 'flat' of round-shapes does not load: .*no"):
        SHAPES.load("flat")


def test_the_task_is_recognition_where_none_is_named():
    assert task_name({}, "a.yaml") == task_name({"task": None}, "a.yaml") == "asr"
    assert task_name({"task": "aligned"}, "a.yaml") == "aligned"
    with pytest.raises(DataError, match="^a.yaml: task is the name of a training task, got 3$"):
        task_name({"task": 3}, "a.yaml")


def test_what_has_its_place_elsewhere_is_told_with_what_to_type():
    from fangyan.registry import TASKS

    with pytest.raises(UserError, match="^task 'dual' is none of these: fangyan train_dual takes its config"):
        TASKS.load("dual")
