"""A trained micro experiment with results, as if it were of the embedded corpus; packed once."""

import json
import shutil
from pathlib import Path

import pytest

from fangyan import publish
from fangyan.files import write_json, write_text
from fangyan.measure.retrieval.tables import Pair
from fangyan.recognition.cer import Errors
from fangyan.tables import write_rows

TAG = "e_branchformer_text_cmn_seed1"
VARIETIES = ("cmn", "hak", "yue")


def retrieval(folder: Path, shift: float = 0.0) -> None:
    """pairs.tsv of two layers, the second one the better."""
    rows = [
        Pair(layer, a, b, 8, base + 0.1 * n + shift, 1.0, 1.0, base + 0.1 * n + shift, 1.0, 0.125)
        for layer, base in (("layer01", 0.1), ("layer02", 0.25))
        for n, (a, b) in enumerate((a, b) for a in VARIETIES for b in VARIETIES if a != b)
    ]
    write_rows(folder / "pairs.tsv", rows, Pair)


def add_results(exp: Path) -> None:
    """Retrieval on dev and test, recognition on test, a report and a picture."""
    retrieval(exp / "retrieval" / "dev", 0.05)
    retrieval(exp / "retrieval" / "test")
    rates = (("cmn", 1), ("hak", 3), ("yue", 2), ("all", 6))
    counts = {name: (24 if name == "all" else 8, 72 if name == "all" else 24) for name, _ in rates}
    rows = [Errors(name, *counts[name], errors, errors / counts[name][1]) for name, errors in rates]
    write_rows(exp / "decode" / "test" / "cer.tsv", rows, Errors)
    write_text(exp / "RESULTS.md", "# Results\n")
    write_text(exp / "images" / "layers.png", "a picture")


@pytest.fixture(scope="session")
def origin():
    """A function: experiment, corpus or corpora -> the experiment says it was trained on them, an hour of each."""

    def change(exp: Path, *corpora: str) -> None:
        train = json.loads((exp / "train.json").read_text())
        rows = [
            {"corpus": corpus, "variety": variety, "utterances": 10, "speakers": 2, "hours": 1.0}
            for corpus in corpora
            for variety in VARIETIES
        ]
        train["data"]["train"]["origins"] = rows
        write_json(exp / "train.json", train)

    return change


@pytest.fixture(scope="session")
def exp(job, tmp_path_factory, origin) -> Path:
    """The experiment; not to be changed."""
    home = Path(shutil.copytree(job.exp, tmp_path_factory.mktemp("recipe") / "exp" / TAG))
    origin(home, "mini_sinitic")
    add_results(home)
    return home


@pytest.fixture(scope="session")
def packed(exp) -> Path:
    """Its archive; not to be changed."""
    return publish.pack(exp)
