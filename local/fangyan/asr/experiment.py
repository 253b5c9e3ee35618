"""What a training run depends on, and what its model is to write down."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fangyan import datadir
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, produce, write_text
from fangyan.text import normalise

TARGETS = ("text_cmn", "text")
"""What the model writes down: the Mandarin wording or the variety's own."""


@dataclass(frozen=True)
class Experiment:
    """What a training run depends on. ``exp``: its folder; ``train``, ``dev``: data; ``tokens``: token list folders.

    ``init``: whose weights the encoder starts from (`asr.initialise`); empty: random ones.
    """

    config: Path
    train: Path
    dev: Path
    tokens: Path
    target: str
    seed: int
    exp: Path
    init: str = ""

    @property
    def stats(self) -> Path:
        """Lengths, mean and variance."""
        return self.exp / "stats"

    @property
    def vocabulary(self) -> list[str]:
        """The tokens, in ESPnet's order."""
        return (self.tokens / "tokens.txt").read_text(encoding="utf-8").split()

    def sets(self) -> dict[str, Path]:
        """The data directories by ESPnet's name of their role."""
        return {"train": self.train, "valid": self.dev}


def targets(data: Path, target: str) -> dict[str, str]:
    """Utterance id -> normalised ``target`` wording; `DataError` for an utterance of which nothing remains."""
    if target not in TARGETS:
        raise UserError(f"unknown target {target!r}: known are {', '.join(TARGETS)}")
    file = data / target
    normal = {key: normalise(text) for key, text in datadir.read_map(file).items()}
    for n, (key, text) in enumerate(normal.items(), 1):
        if not text:
            raise DataError(f"{file}:{n}: a transcript has Han characters, got none for {key}")
    return normal


def write_tokens(data: Path, target: str, out: Path) -> bool:
    """Whether ``out/tokens.txt`` had to be written: the characters of a set, most frequent first, in ESPnet's form."""

    def build(folder: Path) -> None:
        counts = Counter(char for text in targets(data, target).values() for char in text)
        chars = sorted(counts, key=lambda char: (-counts[char], char))
        write_text(folder / "tokens.txt", "\n".join(["<blank>", "<unk>", *chars, "<sos/eos>"]) + "\n")

    return produce(out, {"text": fingerprint(data / target), "target": target}, build)
