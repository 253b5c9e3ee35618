"""Texts in the space of an encoder: the features of its text side, kept beside the results that are made of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fangyan.data.entries import line
from fangyan.features import dump
from fangyan.features.layers import Layer
from fangyan.files import fingerprint, produce, write_lines
from fangyan.measure.retrieval.layers import APART

COLUMN = "text_cmn"
"""The column of Mandarin texts, and of those that are made here."""


def split_layer(layer: str) -> tuple[str, str]:
    """The layers of speech and of text that ``joint``, or ``norm|sentence`` for two, names."""
    speech, _, text = layer.partition(APART)
    return speech, text or speech


def check_speech(feats: Path, sets: Iterable[Path], layer: str) -> None:
    """`UserError` where the features of a set lack a layer: better known before texts are encoded."""
    for data in sets:
        Layer.parse(layer).check(dump.layers(feats / data.name), feats / data.name)


def dump_column(spec: str, sets: Sequence[Path], column: str, layer: str, home: Path) -> Path:
    """The folder ``home/feats`` with the features of a text column of each set, made where they are not there.

    ``spec``: of the text side; ``layer``: the one to keep, empty for all.
    """
    dump.dump(spec, sets, home / "feats", column=column, only=[layer] if layer else [])
    return home / "feats"


def dump_texts(spec: str, texts: Mapping[str, str], name: str, layer: str, home: Path) -> Path:
    """The folder ``home/feats/<name>`` with the features of ``texts`` by id, made where they are not there.

    The texts themselves stand in ``home/texts/<name>``, a data directory without recordings.
    """
    data = home / "texts" / name
    produce(data, {"texts": fingerprint(dict(texts))}, partial(_write, texts))
    return dump_column(spec, [data], COLUMN, layer, home) / name


def vectors(feats: Path, layer: str, ids: Iterable[str]) -> dict[str, np.ndarray]:
    """The (T, d) features of some texts at a layer, in the order of ``ids``."""
    found = dump.read_features(feats, layer)
    return {key: found[key] for key in ids}


def _write(texts: Mapping[str, str], folder: Path) -> None:
    for name, values in (
        ("utt2lang", dict.fromkeys(texts, "cmn")),
        ("utt2sent", dict(zip(texts, texts, strict=True))),
        (COLUMN, texts),
    ):
        write_lines(folder / name, (line(folder / name, key, values[key]) for key in sorted(texts)))
