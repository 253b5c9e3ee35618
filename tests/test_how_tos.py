"""The how-tos of docs: their examples are installed in a folder and carried out there, to the letter."""

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest
from click.testing import CliRunner
from corpora.conftest import Tree
from desk import Desk
from pages import commands, fences

from fangyan import corpora
from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.files import ROOT
from fangyan.search.index import Index

VARIETIES = ("cmn", "yue", "hak")
MICRO = f"""\
include: {ROOT}/conf/train/e_branchformer.yaml
max_epoch: 1
encoder_conf: {{num_blocks: 1, output_size: 32, cgmlp_linear_units: 64, linear_units: 64}}
"""


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A function: the examples of a how-to are installed in a folder, which is prepared, and carried out there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(corpora, "__path__", [*corpora.__path__, str(tmp_path / "local/fangyan/corpora")])

    def follow(page: str, prepare: Callable[[], None]) -> dict:
        found = fences(ROOT / "docs" / page)
        for _, text in found:
            if path := file_of(text):
                install(tmp_path / path, text)
                top = Path(Path(path).parts[0]).stem  # another test's package may have its name
                for name in [name for name in sys.modules if name.partition(".")[0] == top]:
                    monkeypatch.delitem(sys.modules, name)
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

    def copy() -> None:
        for name, home in sung.items():
            shutil.copytree(home, tmp_path / "data" / name)

    return copy


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
    """Runs a command of ours, its patterns replaced by files as a shell does; others stand for themselves."""
    if words[0] == "fangyan":
        words = [found for word in words for found in sorted(glob(word)) or [word]]
        done = CliRunner().invoke(cli, words[1:])
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_the_corpus_of_the_how_to_is_prepared(workshop, tmp_path):
    def build() -> None:
        names: dict = {}
        exec((tmp_path / "tests/corpora/miniatures/village.py").read_text(encoding="utf-8"), names)
        names["build"](Tree(tmp_path))

    homes = workshop("adding_a_corpus.md", build)["homes"]
    assert sorted(homes) == ["dev", "test", "train"]
    assert [u.id for u in datadir.read(homes["test"])] == ["ho-c01"]
    dropped = datadir.read_dropped(homes["test"])
    assert {d.reason for d in dropped} == {"empty transcript", "missing recording"} and len(dropped) == 2


def test_the_recipe_of_the_how_to_prints_its_commands(tmp_path):
    script = next(text for _, text in fences(ROOT / "docs/adding_a_corpus.md") if text.startswith("#!"))
    home = tmp_path / "egs2/village/emb1"
    home.mkdir(parents=True)
    for name in ("conf", "local", "utils", "egs2/TEMPLATE"):
        (tmp_path / name).symlink_to(ROOT / name)
    (home / "run.sh").write_text(script)
    done = Desk(tmp_path).run("--dry_run", script=home / "run.sh")
    assert done.returncode == 0 and "fangyan data --corpus village" in done.stdout


def test_the_encoder_of_the_how_to_is_dumped_and_measured(workshop, sets, tmp_path):
    features = workshop("adding_an_encoder.md", sets)["features"]
    assert list(features) == ["layer00", "layer01"]
    assert all(frames.shape == (98, 201) for frames in features.values())
    assert (tmp_path / "exp/spectrum/retrieval/test/pairs.tsv").is_file()


def test_the_export_of_the_how_to_holds_all_recordings(workshop, sets, tmp_path):
    workshop("adding_an_export.md", sets)
    rows = [json.loads(line) for line in (tmp_path / "idx.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [entry.id for _, entry in Index(tmp_path / "idx").live_entries()]
    assert len(rows) == 24 and {len(row["mean"]) for row in rows} == {80}


def test_the_measure_of_the_how_to_is_in_its_folder(workshop, sets):
    row = workshop("adding_a_measure.md", sets)["row"]
    assert (row.layer, row.n) == ("fbank", 24 * 21 // 2)  # 24 utterances, each with the 21 of other sentences
    assert -0.2 < row.cosine < 0.2  # centred


def test_the_evaluator_of_the_how_to_gives_a_score_a_pair(workshop, sets):
    pytest.importorskip(
        "mteb.abstasks", reason="mteb, an optional extra, is not installed: utils/setup.sh mteb"
    )
    names = workshop("mteb.md", sets)
    assert set(names["scores"]) == {f"{a}->{b}" for a in VARIETIES for b in VARIETIES if a != b}
    assert 0 < names["result"].get_score() == pytest.approx(sum(names["scores"].values()) / 6)


def test_the_submissions_of_the_how_to_are_compared(workshop, sets, tmp_path):
    workshop("submit.md", sets)
    board = (tmp_path / "board/LEADERBOARD.md").read_text(encoding="utf-8")
    assert "MFCC with deltas" in board and "fbank.json" in board and "chosen on dev" in board
    assert (tmp_path / "board/leaderboard.html").is_file()


def test_the_task_of_the_how_to_trains_and_is_dumped(workshop, sets, tmp_path):
    def base() -> None:
        sets()
        (tmp_path / "conf/train/e_branchformer.yaml").write_text(MICRO)

    workshop("adding_a_task.md", base)
    (header, *epochs) = (tmp_path / "exp/aligned/history.tsv").read_text().splitlines()
    assert {"train_loss_cosine", "valid_loss_cosine"} <= set(header.split("\t")) and len(epochs) == 1
    assert (tmp_path / "exp/aligned/feats/test/norm/feats.scp").is_file()
