"""The packed model: one zip in the form of the ESPnet model zoo, which is proved to load before it is there."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from fangyan.errors import UserError
from fangyan.files import DONE, atomic, fingerprint, is_done, write_json
from fangyan.publish import contents, proof

ARCHIVE = "model.zip"
STAMP = ".packed"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive: equal content is packed to equal bytes."""


def pack(exp: Path) -> Path:
    """``exp/model.zip``, with what `contents.lay_out` says; the one that is there is kept if it is the same.

    It loads with ``load_encoder("espnet:model.zip")`` and ``Speech2Text.from_pretrained("model.zip")``. Raises
    `UserError` where the experiment is not trained, or where what was packed does not load in a fresh process.
    """
    archive = exp / ARCHIVE
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        contents.lay_out(exp, folder)
        content = {"content": fingerprint(folder)}
        if archive.exists() and is_done(exp / STAMP, content):
            return archive
        with atomic(archive) as partial:
            _zip(folder, partial)
            prove(partial)
        write_json(exp / STAMP / DONE, content)
    return archive


def prove(archive: Path) -> None:
    """Raises `UserError` unless the archive loads in a process of its own, elsewhere and without a network."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(
        filter(None, (package, os.environ.get("PYTHONPATH")))
    )  # a task may be of another package
    environment = os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    with TemporaryDirectory() as elsewhere:
        command = [sys.executable, "-m", proof.__name__, str(archive.resolve())]
        run = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True)
    if run.returncode:
        why = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise UserError(f"{archive.parent / ARCHIVE}: not kept, for what was packed does not load: {why}")


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(str(file.relative_to(folder)), LONG_AGO)
            member.external_attr = 0o644 << 16
            with file.open("rb") as source, bundle.open(member, "w", force_zip64=True) as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
