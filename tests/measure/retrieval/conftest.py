"""Data directories with features of recordings and of texts, fabricated."""

from pathlib import Path

import numpy as np
import pytest
from banks import archive, stamp

from fangyan.data import datadir
from fangyan.data.datadir import Utterance

SPOKEN = {"cmn": ("s0", "s1", "s2"), "yue": ("s0", "s0", "s1"), "site": ("s0", "s1", "s2")}
"""Two recordings of s0 in yue, no s2 there; site is in no table of varieties."""


@pytest.fixture
def bilingual(tmp_path) -> Path:
    """Folders data, speech/data, text/data: at layer01 and sentence a sentence is one direction, else all is noise."""
    spoken = [
        Utterance(f"{variety}-{n}", "/nowhere.wav", "", variety, variety, sentence, 1.0)
        for variety, sentences in SPOKEN.items()
        for n, sentence in enumerate(sentences)
    ]
    datadir.write(tmp_path / "data", spoken)
    meaning = dict(zip(("s0", "s1", "s2"), np.eye(4), strict=False))
    chance = np.random.default_rng(0)
    speech, text = tmp_path / "speech" / "data", tmp_path / "text" / "data"
    archive(speech, "layer00", {u.id: chance.standard_normal((3, 4)) for u in spoken})
    archive(
        speech,
        "layer01",
        {u.id: meaning[u.sentence][None].repeat(n % 3 + 1, 0) for n, u in enumerate(spoken)},
    )
    archive(text, "layer00", {key: chance.standard_normal((2, 3)) for key in meaning})
    archive(text, "sentence", {key: vector[None] for key, vector in meaning.items()})
    stamp(text, encoder={"family": "text", "files": "1"}, column="text_cmn")
    return tmp_path
