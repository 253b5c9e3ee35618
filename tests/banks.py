"""Folders of features, fabricated."""

from pathlib import Path

import kaldiio
import numpy as np

from fangyan.files import write_json


def archive(folder: Path, layer: str, features: dict[str, np.ndarray]) -> None:
    """A layer of a folder of features."""
    (folder / layer).mkdir(parents=True, exist_ok=True)
    place = folder / layer / "feats"
    with kaldiio.WriteHelper(f"ark,scp:{place}.ark,{place}.scp") as writer:
        for key in sorted(features):
            writer(key, features[key].astype(np.float32))


def stamp(folder: Path, **inputs: object) -> None:
    """What a dump leaves beside its layers."""
    write_json(folder / ".done", {**inputs, "outputs": []})
