"""Precision and recall of mined pairs over thresholds, where the sentences of some recordings are known.

A mined pair is right if both recordings have one sentence id (`utt2sent`); one of which a recording's sentence is not
known is wrong. There are as many pairs to find as each recording could be in one: of a sentence as many as the side has
that has fewer recordings of it.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.corpora import kaldi
from fangyan.data.checks import needed
from fangyan.data.datadir import Utterance
from fangyan.errors import UserError
from fangyan.mining.banks import Bank, stretch
from fangyan.tables import Fraction, Total, read_rows

THRESHOLDS, SCORES = "thresholds.tsv", "scores.tsv"
ALL = "all"
"""What a row calls all varieties of a side together."""
ANY = 1 << 40
"""In how many pairs a sentence may be that was not spoken."""
STEPS = 1000
"""Thresholds in a unit of margin."""


@dataclass(frozen=True)
class Score:
    """The pairs of a margin of ``threshold`` at least: how many, how many of them right, and what that is."""

    source_variety: str
    target_variety: str
    threshold: float
    pairs: Total
    right: Total
    precision: Fraction | None  # of no pairs
    recall: Fraction
    f1: Fraction


@dataclass(frozen=True, eq=False)
class Truth:
    """Of each place of a bank its sentence ("": not known) and its variety; ``pairs``: in how many each may be."""

    sentences: np.ndarray
    varieties: np.ndarray
    pairs: int = 1

    def counts(self, variety: str) -> Counter[str]:
        """In how many pairs each sentence may be, in a variety or in `ALL`."""
        of = (variety == ALL) | (self.varieties == variety)
        found = Counter(self.sentences[of & (self.sentences != "")].tolist())
        return Counter({sentence: count * self.pairs for sentence, count in found.items()})


def read_truth(banks: tuple[Bank, Bank], sets: Sequence[Path]) -> tuple[Truth, Truth]:
    """The sentences of two banks by data directories with ``utt2sent``; `UserError` where none of them is a pair."""
    if np.intersect1d(*(bank.stretches["file"] for bank in banks)).size:
        raise UserError(
            "--truth: where pairs are counted no recording is on both sides: say which varieties the sides are of, "
            "with --source_variety and --target_variety"
        )
    known = {}
    for data in sets:
        needed(data, "utt2sent")
        known |= _sentences(kaldi.utterances(data, complete=False))
    both = tuple(_truth(bank, known) for bank in banks)
    if not (both[0].counts(ALL) & both[1].counts(ALL)):
        names = ", ".join(map(str, sets))
        raise UserError(f"--truth {names}: no sentence of it is among the recordings of both sides")
    return both


def _sentences(records: Iterable) -> dict[tuple, str]:
    """The sentence of each recording by its stretch, and by its Mandarin wording."""
    known = {}
    for one in records:
        if isinstance(one, Utterance) and one.sentence:
            known[stretch(os.path.realpath(one.wav), one.start, one.end)] = one.sentence
            known["".join(one.text_cmn.split())] = one.sentence
    return known


def _truth(bank: Bank, known: dict) -> Truth:
    found, varieties = [], []
    for place in range(len(bank)):
        entry = bank.entry(place)
        key = bank.stretches[place].item() if entry.wav else "".join(entry.text_cmn.split())
        found.append(known.get(key, ""))
        varieties.append(entry.variety)
    recorded = bank.stretches["start"] < bank.stretches["end"]
    return Truth(np.array(found, object), np.array(varieties, object), 1 if recorded.any() else ANY)


@dataclass(frozen=True, eq=False)
class Counted:
    """The pairs of two varieties: margin of each, best first, whether it is right, and how many there are to find."""

    source: str
    target: str
    margins: np.ndarray
    right: np.ndarray
    possible: int

    def at(self, threshold: float) -> Score:
        """What a threshold leaves of them."""
        pairs = int((self.margins >= threshold).sum())
        right = int(self.right[:pairs].sum())
        precision, recall = right / pairs if pairs else None, right / self.possible if self.possible else 0.0
        f1 = 2 * right / max(pairs + self.possible, 1)
        return Score(self.source, self.target, threshold, pairs, right, precision, recall, f1)

    def curve(self, thresholds: Iterable[float]) -> list[Score]:
        """A row for each number of pairs that thresholds leave, with the highest that does."""
        return list({row.pairs: row for row in map(self.at, sorted(thresholds))}.values())


def count(chosen: np.ndarray, truths: tuple[Truth, Truth]) -> list[Counted]:
    """The pairs of all, then those of each two varieties, among the `margins.CANDIDATE` that were chosen."""
    sides = list(zip(truths, ("source", "target"), strict=True))
    source, target = (truth.sentences[chosen[side]] for truth, side in sides)
    right = (source == target) & (source != "")
    ends = [truth.varieties[chosen[side]] for truth, side in sides]
    found = []
    for names in [(ALL, ALL), *sorted({*zip(*ends, strict=True)})]:
        of = np.logical_and(*((name == ALL) | (end == name) for name, end in zip(names, ends, strict=True)))
        counts = [truth.counts(name) for truth, name in zip(truths, names, strict=True)]
        found.append(Counted(*names, chosen["margin"][of], right[of], (counts[0] & counts[1]).total()))
    return found


def thresholds(chosen: np.ndarray) -> np.ndarray:
    """All multiples of 1 / `STEPS` that pairs have, cut off."""
    return np.unique(np.floor(chosen["margin"] * STEPS)) / STEPS


def choose(curve: Sequence[Score], precision: float | None = None) -> float:
    """The threshold of the best F1, or of the best recall with a precision wanted; of equals the highest.

    `UserError` where no threshold has that precision, and where there are no pairs.
    """
    if not curve:
        raise UserError(
            "--truth: no threshold to choose: nothing on one side is alike to anything on the other"
        )
    if precision is None:
        return max(curve, key=lambda row: (row.f1, row.threshold)).threshold
    enough = [row for row in curve if row.precision is not None and row.precision >= precision]
    if not enough:
        best = max(row.precision or 0 for row in curve)
        raise UserError(f"--precision {precision:g}: no threshold has it, the best has {best:.3g}")
    return max(enough, key=lambda row: (row.recall, row.threshold)).threshold


def read_choice(folder: Path) -> Score:
    """The row of all in the `SCORES` of a folder that was mined with ``--truth``; `UserError` where there is none."""
    for row in read_rows(folder / SCORES, Score):
        if row.source_variety == ALL:
            return row
    raise UserError(
        f"--threshold {folder}: a number, or a folder that `fangyan mine --truth` wrote, got neither"
    )
