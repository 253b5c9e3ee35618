"""Two recordings at one layer of an encoder, compared."""

from dataclasses import dataclass
from pathlib import Path

from fangyan.features.at_layer import load_at_layer
from fangyan.features.embedding import frames_of, only_recording


@dataclass(frozen=True)
class Likeness:
    """How alike two recordings are: SeqSim, the cosine of their mean frames, and how many frames each has."""

    precision: float
    recall: float
    f1: float
    pooled: float
    frames: tuple[int, int]


def compare_recordings(spec: str, a: Path, b: Path, layer: str = "") -> tuple[str, Likeness]:
    """The layer and how alike two audio files are at it: precision is how much of ``a`` is found in ``b``."""
    recordings = [
        only_recording(path) for path in (a, b)
    ]  # what is not there is known before the encoder is loaded
    encoder = load_at_layer(spec, layer)
    paired = zip(recordings, (a, b), strict=True)
    x, y = (next(frames_of(encoder, [one], path.name))[1] for one, path in paired)
    from fangyan.measure.scores import SCORES
    from fangyan.measure.seqsim import seqsim

    pooled = SCORES["pooled"]
    cosine = pooled.compare(pooled.prepare({0: x}), pooled.prepare({0: y})).item()
    return str(encoder.layer), Likeness(*seqsim(x, y), cosine, (len(x), len(y)))
