"""README and docs: what is to be typed exists, files and links are there, and the map is that of the tree."""

import ast
import re
import shlex
from itertools import pairwise
from pathlib import Path

import click
import pytest
from pages import DOCS, RECIPES, anchors, blocks, commands, inline, links, read
from test_layers import FLOORS

from fangyan.__main__ import cli
from fangyan.files import ROOT

PACKAGE = ROOT / "local/fangyan"
PIPELINE = "\n".join(map(read, sorted(ROOT.glob("egs2/TEMPLATE/*/*.sh"))))
OPTIONS = set(re.findall(r"^([a-z_]+)=.*?  # ", PIPELINE, re.MULTILINE)) | {"help"}
STAGES = re.findall(r"^if stage (\d+) (\w+)", PIPELINE, re.MULTILINE)
GOALS = re.findall(r"^(\w+):.*## ", read(ROOT / "Makefile"), re.MULTILINE)
OTHERS = (
    "${EDITOR:-vi} cd cp mkdir export git sleep sinfo source less hf pip xdg-open .venv/bin/python".split()
)
"""Commands that are no part of the project."""
FOREIGN = {"--utt-extra-files", "--extra-files", "--kill-on-bad-exit", "--local-dir", "--nv", "--bind"}
"""Options that are none of ours."""
VILLAGE = {
    "egs2/village/emb1/run.sh",
    "local/fangyan/corpora/village.py",
    "tests/corpora/miniatures/village.py",
}
MADE = {"conf/corpora.yaml", "conf/train/aligned.yaml", "utils/download_wenetspeech.sh"} | VILLAGE
"""Files that a reader makes or gets elsewhere."""
OURS = ("conf/", "docs/", "egs2/", "local/", "tests/", "utils/")

every_page = pytest.mark.parametrize("page", DOCS + RECIPES, ids=lambda page: str(page.relative_to(ROOT)))


def check_run(words: list[str]) -> None:
    """Options and stages of a call of run.sh are those of the pipeline."""
    names = [word[2:].partition("=")[0] for word in words if word.startswith("--")]
    assert set(names) <= OPTIONS, f"unknown options of run.sh: {set(names) - OPTIONS}"
    for name, value in pairwise(words):
        if name in ("--stage", "--stop_stage"):
            assert any(value in stage for stage in STAGES), f"unknown stage {value}"


def check_verb(words: list[str]) -> None:
    """A call of the command line that would be understood; nothing is run."""
    if words not in (["--help"], ["--version"]):
        assert words[0] in cli.commands, f"no verb {words[0]}"
        cli.commands[words[0]].make_context(words[0], list(words[1:]))


def check(words: list[str]) -> None:
    """One command that is to be typed."""
    if words[0] == "./run.sh":
        check_run(words[1:])
    elif words[0] == "fangyan" or words[:3] == ["python", "-m", "fangyan"]:
        check_verb(words[1:] if words[0] == "fangyan" else words[3:])
    elif words[0] == "make":
        assert {*words[1:]} - {"CPU=1"} <= set(GOALS)
    else:
        assert words[0] in OTHERS, f"who is to have {words[0]}?"


@every_page
def test_what_is_to_be_typed_is_understood(page):
    for block in blocks(page):
        for words in commands(block):
            try:
                check(words)
            except click.ClickException as error:
                pytest.fail(f"{shlex.join(words)}: {error.format_message()}")
    for code in inline(page):
        if code.startswith(("./run.sh --", "make ")) and "..." not in code:
            check(shlex.split(code))
        if re.match("fangyan [a-z]", code):
            assert code.split()[1] in cli.commands, code


@every_page
def test_options_in_the_text_exist(page):
    verbs = {name for verb in cli.commands.values() for option in verb.params for name in option.opts}
    verbs |= {name for option in cli.params for name in option.opts}
    known = {f"--{name}" for name in OPTIONS} | verbs | FOREIGN
    found = {word for code in inline(page) for word in re.findall(r"(?<!\S)--[a-z][a-z_-]*", code)}
    assert found <= known, found - known


def there(path: str, home: Path) -> bool:
    """Whether a path, a pattern or a form (``<name>``, X.yaml) is of a file of the repository, or may be of one."""
    pattern = re.sub(r"<[^>]*>|\{[^}]*\}", "*", path.rstrip("/.,"))
    if "/" not in pattern:
        return any(PACKAGE.rglob(pattern))
    folders = (ROOT, PACKAGE, home, *(page.parent for page in RECIPES))
    return bool(re.search(r"(^|/)X[./]", path)) or any(any(folder.glob(pattern)) for folder in folders)


@every_page
def test_files_that_are_named_exist(page):
    text = [word for code in inline(page) for word in code.split()]
    typed = [word for block in blocks(page) for words in commands(block) for word in words]
    for word in text + typed:
        path = word.partition("=")[2] if word.startswith("--") else word
        ours = path.startswith(OURS) or path.endswith(".py")
        if ours and path not in MADE and "/data/" not in path and "/exp/" not in path:
            assert there(path, page.parent), f"{page.name}: {path}"


@every_page
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_is_read_in_one_sitting_and_every_page_is_found_from_it():
    assert len(read(DOCS[0]).splitlines()) <= 200
    linked = {Path(link.partition("#")[0]).name for page in DOCS for link in links(page)}
    assert {page.name for page in DOCS[1:]} <= linked


# --- the map ---


def rooms() -> dict[str, str]:
    """Path -> first line of the docstring, of each package and of the modules that stand beside them."""
    ground = [path for path in PACKAGE.glob("*.py") if path.stem not in ("__init__", "__main__")]
    packages = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    names = {path: str(path.relative_to(PACKAGE)).replace("__init__.py", "") for path in [*ground, *packages]}
    return {
        name: (ast.get_docstring(ast.parse(read(path))) or "").split("\n")[0] for path, name in names.items()
    }


def test_the_map_has_every_room_in_the_order_of_the_floors():
    lines = re.findall(r"^- `([a-z_./]+)`: (.*)$", read(ROOT / "docs/map.md"), re.MULTILINE)
    assert dict(lines) == rooms()
    floors = list(dict.fromkeys(name.partition("/")[0].removesuffix(".py") for name, _ in lines))
    assert floors == [floor for floor in FLOORS if floor in floors]
