"""A trained experiment as one file that others can load: the form of the ESPnet model zoo."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import yaml

from fangyan.encoders.espnet import locate
from fangyan.errors import UserError
from fangyan.files import atomic


def pack(exp: Path) -> Path:
    """``exp/model.zip``: configuration, weights, statistics, sentencepieces, results and figures, at relative paths.

    It loads with ``Speech2Text.from_pretrained("model.zip")`` and ``load_encoder("espnet:model.zip")``. Raises
    `UserError` where the experiment is not trained or lies outside the working directory (paths would be absolute).
    """
    from espnet2.main_funcs import pack_funcs

    config, checkpoint, statistics = locate(exp)
    if not exp.resolve().is_relative_to(Path.cwd()):
        raise UserError(
            f"{exp}: pack from the recipe directory above it, so that the paths in the archive are relative"
        )
    pieces = yaml.safe_load(config.read_text(encoding="utf-8"))["bpemodel"]
    extras = [
        exp / "RESULTS.md",
        exp / "train.json",
        exp / "images",
        *map(Path, filter(None, (statistics, pieces))),
    ]
    with atomic(exp / "model.zip") as temporary, redirect_stdout(StringIO()):
        pack_funcs.pack(
            files={"asr_model_file": checkpoint},
            yaml_files={"asr_train_config": config},
            option=[path for path in extras if path.exists()],
            outpath=temporary,
        )
    return exp / "model.zip"


def publish(exp: Path, repository: str) -> None:
    """Nothing yet: uploading is not part of this version; the message says what to do instead."""
    raise UserError(
        f"publishing to {repository} is not available in this version: "
        f"{exp / 'model.zip'} is complete, upload it with `hf upload {repository} {exp / 'model.zip'}`"
    )
