"""The order of the floors: a module imports only what stands before it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "local" / "fangyan"
FLOORS = (
    "errors registry progress terminal rounding experiments folders files journal shards config tables "
    "environment style "
    "data ipa corpora cluster encoders features units training recognition measure dual search mining "
    "report leaderboard data_report publish demo mteb bench recipes cli __main__"
).split()
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """The floors that a file imports from, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "fangyan":
                names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fangyan.")}
    return names


def test_every_module_has_a_floor():
    assert {floor(path) for path in MODULES} - {"__init__"} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_before_it(path):
    if floor(path) == "__init__":
        assert not imported(path)
        return
    below = set(FLOORS[: FLOORS.index(floor(path)) + 1])
    assert imported(path) <= below


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_is_small_and_documented_and_asserts_nothing(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module says in its first line what it is for"
    assert len(source.splitlines()) <= 300
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert is for tests"
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{node.name} is too long"
            public = not node.name.startswith("_") and node in tree.body
            assert not public or ast.get_docstring(node), f"{node.name} has no docstring"


def test_heavy_libraries_stay_out_of_the_way_of_help(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys, fangyan.__main__; print(*{'torch', 'numpy', 'espnet2', 'matplotlib'} & set(sys.modules))"
    )
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.strip() == ""
