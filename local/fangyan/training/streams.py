"""Two streams of unlike length side by side: batches of speech as ESPnet makes them, and of texts beside each.

All is drawn by seed and epoch (of the development set by the seed alone), so that a training that is resumed sees what
it would have seen, and every rank its own part. Importing this imports ESPnet.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fangyan.data.audio import SAMPLE_RATE
from fangyan.training.texts import Texts

PADDING = -1
type Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Pairing:
    """How texts go with speech: ``texts``, None for none, ``encode``, from a text to the numbers of its tokens.

    ``ratio``: units of text for each unit of speech in a batch. Utterances longer than ``crop`` seconds are cut at
    random, with their units, ``label_rate`` a second. ``seed``; ``fixed``: whether each epoch has the same.
    """

    texts: Texts | None
    encode: Callable[[str], np.ndarray]
    ratio: float
    crop: float
    label_rate: float
    seed: int
    fixed: bool = False
    rank: int = 0
    world: int = 1


class PairedIterFactory(AbsIterFactory):
    """Epochs of ``speech``, ESPnet's iterator, cut and with texts beside each batch."""

    def __init__(self, speech: AbsIterFactory, pairing: Pairing) -> None:
        self.speech, self.pairing = speech, pairing

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> "PairedBatches":
        """The batches of an epoch."""
        return PairedBatches(self.speech.build_iter(epoch, shuffle), self.pairing, epoch)


class PairedBatches:
    """The batches of an epoch: those of ``speech``, to which texts are added."""

    def __init__(self, speech: Iterable, pairing: Pairing, epoch: int) -> None:
        self.speech, self.pairing, self.epoch = speech, pairing, 0 if pairing.fixed else epoch

    def __len__(self) -> int:
        return len(self.speech)

    def __iter__(self) -> Iterator[tuple[list[str], dict[str, Tensor]]]:
        of = self.pairing
        random = np.random.default_rng([of.seed, self.epoch, of.rank])
        order = text_order(len(of.texts), of, self.epoch) if of.texts else iter(())
        for ids, batch in self.speech:
            cut = crop(batch, of.crop, of.label_rate, random)
            wanted = of.ratio * int(cut["units_lengths"].sum())
            yield ids, {**cut, **(text_batch(order, of.texts, wanted, of.encode) if of.texts else {})}


def text_order(count: int, of: Pairing, epoch: int) -> Iterator[int]:
    """The texts of a rank without end: all of them in random order, dealt to the ranks, before any comes again."""
    turn = 0
    while True:
        order = np.random.default_rng([of.seed, epoch, turn]).permutation(count)
        yield from order[of.rank % count :: of.world].tolist()
        turn += 1


def text_batch(
    order: Iterator[int], texts: Texts, wanted: float, encode: Callable[[str], np.ndarray]
) -> dict[str, Tensor]:
    """The next texts of an ``order``, until they have as many units as ``wanted``; one at least."""
    taken, units = [next(order)], 0.0
    lengths = texts.lengths
    while (units := units + lengths[taken[-1]]) < wanted:
        taken.append(next(order))
    return _padded("text_units", [texts.of(n) for n in taken]) | _padded(
        "text", [encode(texts.words[n]) for n in taken]
    )


def _padded(name: str, rows: list[np.ndarray]) -> dict[str, Tensor]:
    values = [torch.from_numpy(np.asarray(row, np.int64)) for row in rows]
    lengths = torch.tensor([len(row) for row in rows])
    return {name: pad_sequence(values, True, PADDING), f"{name}_lengths": lengths}


def crop(batch: Batch, seconds: float, label_rate: float, random: np.random.Generator) -> dict[str, Any]:
    """A batch whose utterances have at most so many ``seconds``: of a longer one a random stretch, and its units."""
    lengths = batch["speech_lengths"]
    if int(lengths.max()) <= seconds * SAMPLE_RATE:
        return dict(batch)
    most = int(seconds * SAMPLE_RATE)
    rows = [
        _stretch(wave[:n], units[:u], most, label_rate, random)
        for wave, n, units, u in zip(
            batch["speech"], lengths, batch["units"], batch["units_lengths"], strict=True
        )
    ]
    waves, units = zip(*rows, strict=True)
    return dict(batch) | {
        "speech": pad_sequence(waves, True),
        "speech_lengths": torch.tensor([len(wave) for wave in waves]),
        "units": pad_sequence(units, True, PADDING),
        "units_lengths": torch.tensor([len(row) for row in units]),
    }


def _stretch(
    wave: Tensor, units: Tensor, most: int, label_rate: float, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """``most`` samples that begin where a unit does, and the units in them."""
    if len(wave) <= most:
        return wave, units
    samples = SAMPLE_RATE / label_rate
    last = min(
        int((len(wave) - most) / samples), max(len(units) - 1, 0)
    )  # units may end before the recording
    first = int(random.integers(last + 1))
    start = round(first * samples)
    return wave[start : start + most], units[first : first + round(most / samples)]
