"""README and docs: what is to be typed exists, links lead somewhere, and the examples of the how-tos work."""

import ast
import re
import shlex
import subprocess
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from corpora.conftest import Tree
from test_layers import FLOORS

from fangyan.__main__ import cli
from fangyan.files import ROOT

DOCS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
RECIPES = sorted(ROOT.glob("egs2/*/emb1/README.md"))
PACKAGE = ROOT / "local/fangyan"
PIPELINE = (ROOT / "egs2/TEMPLATE/emb1/emb.sh").read_text(encoding="utf-8")
OPTIONS = set(re.findall(r"^([a-z_]+)=.*?  # ", PIPELINE, re.MULTILINE)) | {"help"}
STAGES = re.findall(r"^if stage (\d+) (\w+)", PIPELINE, re.MULTILINE)
GOALS = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
OTHERS = "${EDITOR:-vi} cd cp mkdir export sleep sinfo less hf pip .venv/bin/python".split()
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
MICRO = f"""\
include: {ROOT}/conf/train/e_branchformer.yaml
max_epoch: 1
encoder_conf: {{num_blocks: 1, output_size: 32, cgmlp_linear_units: 64, linear_units: 64}}
"""
OURS = ("conf/", "docs/", "egs2/", "local/", "tests/", "utils/")

every_page = pytest.mark.parametrize("page", DOCS + RECIPES, ids=lambda page: str(page.relative_to(ROOT)))


def fences(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[str]:
    """The blocks of commands: fenced ones, and runs of indented lines that begin with one of ours."""
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = [textwrap.dedent(run) for run in re.findall(r"(?:^    .*\n)+", outside, re.MULTILINE)]
    starts = re.compile(r"(\./run\.sh|python -m fangyan|fangyan|make|cd)\b")
    fenced = [block for language, block in fences(page) if language == "bash" and not block.startswith("#!")]
    return fenced + [run for run in indented if starts.match(run)]


def inline(page: Path) -> list[str]:
    """What stands in back ticks in the text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]


def commands(block: str) -> Iterator[list[str]]:
    """The words of each simple command of a block of bash."""
    block = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in block.replace("\\\n", " ").split("\n"))
    lexer = shlex.shlex(block.replace("\n", " ; "), posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split, lexer.commenters, words = True, "", []
    for word in [*lexer, ";"]:
        if not word or not set(word) <= set(";|&()<>"):
            words.append(word)
        elif words:
            yield words
            words = []


def check_run(words: list[str]) -> None:
    """Options and stages of a call of run.sh are those of the pipeline."""
    names = [word[2:].partition("=")[0] for word in words if word.startswith("--")]
    assert set(names) <= OPTIONS, f"unknown options of run.sh: {set(names) - OPTIONS}"
    for name, value in pairwise(words):
        if name in ("--stage", "--stop_stage"):
            assert any(value in stage for stage in STAGES), f"unknown stage {value}"


def check_verb(words: list[str]) -> None:
    """A call of the command line that would be understood; nothing is run."""
    if words != ["--help"]:
        assert words[0] in cli.commands, f"no verb {words[0]}"
        cli.commands[words[0]].make_context(words[0], list(words[1:]))


def check(words: list[str]) -> None:
    """One command that is to be typed."""
    if words[0] == "./run.sh":
        check_run(words[1:])
    elif words[0] == "fangyan" or words[:3] == ["python", "-m", "fangyan"]:
        check_verb(words[1:] if words[0] == "fangyan" else words[3:])
    elif words[0] == "make":
        assert set(words[1:]) <= set(GOALS)
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
    known = {f"--{name}" for name in OPTIONS} | verbs | FOREIGN
    found = {word for code in inline(page) for word in re.findall(r"(?<!\S)--[a-z][a-z_-]*", code)}
    assert found <= known, found - known


def there(path: str, home: Path) -> bool:
    """Whether a path, a pattern or a form (``<name>``, X.yaml) is of a file of the repository, or may be of one."""
    pattern = re.sub(r"<[^>]*>|\{[^}]*\}", "*", path.rstrip("/.,"))
    folders = (ROOT, PACKAGE, home, *(page.parent for page in RECIPES))
    pattern = pattern if "/" in pattern else f"**/{pattern}"
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


def anchors(page: Path) -> set[str]:
    """What a link may name of a page: its headings, as GitHub writes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_page
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_is_read_in_one_sitting():
    assert len(DOCS[0].read_text(encoding="utf-8").splitlines()) <= 200
    assert {page.name for page in DOCS[1:]} <= {Path(link).name for link in linked(DOCS)}


def linked(pages: list[Path]) -> list[str]:
    """What the pages link to."""
    return [
        link.partition("#")[0]
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    ]


# --- the map ---


def rooms() -> dict[str, str]:
    """Path -> first line of the docstring, of each package and of the modules that stand beside them."""
    ground = [path for path in PACKAGE.glob("*.py") if path.stem not in ("__init__", "__main__")]
    packages = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    names = {path: str(path.relative_to(PACKAGE)).replace("__init__.py", "") for path in [*ground, *packages]}
    return {
        name: (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        for path, name in names.items()
    }


def test_the_map_has_every_room_in_the_order_of_the_floors():
    lines = re.findall(
        r"^- `([a-z_./]+)`: (.*)$", (ROOT / "docs/map.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert dict(lines) == rooms()
    floors = list(dict.fromkeys(name.partition("/")[0].removesuffix(".py") for name, _ in lines))
    assert floors == [floor for floor in FLOORS if floor in floors]


# --- the how-tos ---


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A function: the examples of a how-to are installed in a folder, which is prepared, and carried out there."""
    from fangyan import corpora

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(corpora, "__path__", [*corpora.__path__, str(tmp_path / "local/fangyan/corpora")])

    def follow(page: str, prepare: Callable[[], None]) -> dict:
        found = fences(ROOT / "docs" / page)
        for _, text in found:
            if path := file_of(text):
                install(tmp_path / path, text)
        prepare()
        names: dict = {}
        for language, text in found:
            if language == "python" and not file_of(text):
                exec(compile(text, page, "exec"), names)
            if language == "bash" and not text.startswith("#!"):
                for words in commands(text):
                    carry_out(words)
        return names

    return follow


@pytest.fixture
def sets(tmp_path, sung):
    """A function: the data directories data/{train,dev,test} of the micro corpus."""

    def link() -> None:
        (tmp_path / "data").mkdir()
        for name, home in sung.items():
            (tmp_path / "data" / name).symlink_to(home)

    return link


def file_of(text: str) -> str:
    """The file that an example is, which its first line names; else empty."""
    named = re.match(r"# (\S+\.\w+)\n", text)
    return named[1] if named else ""


def install(path: Path, text: str) -> None:
    """Writes an example; a pyproject.toml becomes what pip would leave of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if path.name != "pyproject.toml":
        return
    project = tomllib.loads(text)["project"]
    information = path.parent / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (information / "entry_points.txt").write_text("\n".join(groups))


def carry_out(words: list[str]) -> None:
    """Runs a command of ours; others stand for themselves."""
    if words[0] == "fangyan":
        done = CliRunner().invoke(cli, words[1:])
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_the_corpus_of_the_how_to_is_prepared(workshop, tmp_path):
    def build() -> None:
        names: dict = {}
        exec((tmp_path / "tests/corpora/miniatures/village.py").read_text(encoding="utf-8"), names)
        names["build"](Tree(tmp_path))

    homes = workshop("adding_a_corpus.md", build)["homes"]
    assert sorted(homes) == ["dev", "test", "train"]
    from fangyan.data import datadir

    assert [u.id for u in datadir.read(homes["test"])] == ["ho-c01"]
    assert sorted(d.reason for d in datadir.read_dropped(homes["test"])) == [
        "empty transcript",
        "missing recording",
    ]


def test_the_recipe_of_the_how_to_prints_its_commands(tmp_path):
    script = next(text for _, text in fences(ROOT / "docs/adding_a_corpus.md") if text.startswith("#!"))
    home = tmp_path / "egs2/village/emb1"
    home.mkdir(parents=True)
    for name in ("conf", "local", "utils", "egs2/TEMPLATE"):
        (tmp_path / name).symlink_to(ROOT / name)
    (home / "run.sh").write_text(script)
    done = subprocess.run(["bash", home / "run.sh", "--dry_run"], capture_output=True, text=True, check=True)
    assert "fangyan data --corpus village" in done.stdout


def test_the_encoder_of_the_how_to_is_dumped_and_measured(workshop, sets, tmp_path):
    found = workshop("adding_an_encoder.md", sets)
    assert {layer: frames.shape for layer, frames in found["features"].items()} == {
        "layer00": (98, 201),
        "layer01": (98, 201),
    }
    assert (tmp_path / "exp/spectrum/retrieval/test/pairs.tsv").is_file()


def test_the_measure_of_the_how_to_is_in_its_folder(workshop, sets):
    row = workshop("adding_a_measure.md", sets)["row"]
    assert (row.layer, row.n) == ("fbank", 24 * 21 // 2)  # 24 utterances, each with the 21 of other sentences
    assert -0.2 < row.cosine < 0.2  # centred


def test_the_task_of_the_how_to_trains_and_is_dumped(workshop, sets, tmp_path):
    def base() -> None:
        sets()
        (tmp_path / "conf/train/e_branchformer.yaml").write_text(MICRO)

    workshop("adding_a_task.md", base)
    (header, *epochs) = (tmp_path / "exp/aligned/history.tsv").read_text().splitlines()
    assert {"train_loss_cosine", "valid_loss_cosine"} <= set(header.split("\t")) and len(epochs) == 1
    assert (tmp_path / "exp/aligned/feats/test/norm/feats.scp").is_file()
