"""A joint space of speech and text, fabricated: a text encoder in a package, and recordings that mean their text."""

from pathlib import Path

import numpy as np
from banks import archive

from fangyan.data import datadir
from fangyan.data.datadir import Utterance

LETTERS = """\
import numpy as np

from fangyan.encoders import Encoder


class Letters(Encoder):
    modality, layers, frame_rate = "text", ("layer00", "joint"), 0.0

    def encode(self, items):
        counts = [np.bincount([ord(c) % 97 for c in text], minlength=97)[None].astype("float32") for text in items]
        print(*items, sep="\\n", file=open({log!r}, "a"))
        return [counts, counts]


def load(argument, device):
    return Letters()
"""
"""How often each character is in a text, as a vector; it writes what it encodes to a file."""

SENTENCES = ("我吃饭", "你看书", "他喝水", "她唱歌")


def counts(text: str) -> np.ndarray:
    """What the encoder gives for a text."""
    return np.bincount([ord(c) % 97 for c in text], minlength=97)[None].astype(np.float32)


def joint_space(home: Path, package, sentences=SENTENCES, varieties=("cmn", "yue"), noise=0.0) -> Path:
    """``home`` with data/test, feats/test of its recordings at ``joint`` and the text encoder ``letters``."""
    entries = "[fangyan.encoders]\nletters = letters\n"
    package("letters", entries, LETTERS.format(log=str(home / "encoded.txt")))
    utterances = [
        Utterance(f"{v}-{n}", "/nowhere.wav", text, v, v, f"s{n}", 1.0, text)
        for v in varieties
        for n, text in enumerate(sentences)
    ]
    datadir.write(home / "data/test", utterances)
    chance = np.random.default_rng(0)
    spoken = {u.id: counts(u.text) + noise * chance.standard_normal((1, 97)) for u in utterances}
    archive(home / "feats/test", "layer00", {key: chance.standard_normal((3, 97)) for key in spoken})
    archive(home / "feats/test", "joint", spoken)
    return home


def encoded(home: Path) -> list[str]:
    """The texts that were encoded, in order."""
    file = home / "encoded.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
