"""The packed model of ESPnet: one zip in the form of its model zoo, which is proved to load before it is there."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from fangyan import environment
from fangyan.encoders.espnet_model import recognition_files
from fangyan.errors import UserError
from fangyan.files import atomic, fingerprint, made_from, stamp
from fangyan.progress import Progress
from fangyan.report import inputs

ARCHIVE = "model.zip"
STAMP = ".packed"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: equal content is packed to equal bytes."""


def renew(exp: Path) -> bool:
    """Makes ``exp/model.zip``, with what `contents.lay_out` says; says whether it had to: the same one is kept.

    It loads with ``load_encoder("espnet:model.zip")`` and ``Speech2Text.from_pretrained("model.zip")``. Raises
    `UserError` where the experiment is not trained, or where what was packed does not load in a fresh process.
    """
    sources = {"sources": _sources(exp), "code": inputs.code(), "versions": environment.versions()}
    before = (made_from(exp / STAMP) if (exp / ARCHIVE).exists() else None) or {}
    if {**before, **sources} == before:
        return False
    from fangyan.publish import contents

    with TemporaryDirectory() as temporary, Progress("pack", 2, "steps") as bar:
        folder = Path(temporary)
        contents.lay_out(exp, folder)
        content = fingerprint(folder)
        bar.update()
        if new := before.get("content") != content:
            _write(folder, exp / ARCHIVE)
        bar.update()
    stamp(exp / STAMP, {"content": content, **sources}, [exp / ARCHIVE])
    return new


def _sources(exp: Path) -> str:
    """The state of all files that a packed model is made of."""
    report = [exp / "RESULTS.md", *sorted((exp / "images").glob("*"))]
    model = [*recognition_files(exp), exp / "stats" / "train" / "feats_stats.npz"]
    return fingerprint(exp.resolve().name, inputs.state([*model, *report, *inputs.results(exp)], exp))


def _write(folder: Path, archive: Path) -> None:
    with atomic(archive) as partial:
        _zip(folder, partial)
        prove(partial)


def prove(archive: Path) -> None:
    """Raises `UserError` unless the archive loads in a process of its own, elsewhere and without a network."""
    run_proof(archive.parent / ARCHIVE, archive)


def run_proof(out: Path, *places: Path) -> None:
    """`fangyan.publish.proof` of some places, of which one becomes ``out``, as a process of its own."""
    from fangyan.publish import proof

    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(
        filter(None, (package, os.environ.get("PYTHONPATH")))
    )  # a task may be of another package
    environment = os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    with TemporaryDirectory() as elsewhere:
        command = [sys.executable, "-m", proof.__name__, *(str(path.resolve()) for path in places)]
        run = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True)
    if run.returncode:
        why = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise UserError(f"{out}: not kept, for what was packed does not load: {why}")


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(str(file.relative_to(folder)), LONG_AGO)
            member.external_attr = 0o644 << 16
            with file.open("rb") as source, bundle.open(member, "w", force_zip64=True) as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
