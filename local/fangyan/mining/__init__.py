"""Mining of parallel speech: recordings, or sentences, of two indexes that say the same, found by their features.

    two indexes -> the nearest by mean, both ways -> k best by SeqSim -> margins -> best of each -> pairs -> manifest

The likeness s of two is SeqSim F1 of all frames, which is the cosine for layers of one vector an utterance. The
neighbours of x, NN(x), are the k of the other side that are most like it, of those that a first cut by the cosine of
the means leaves. The ratio margin (Artetxe and Schwenk 2019, Margin-based Parallel Corpus Mining; there of cosines)::

    margin(x, y) = s(x, y) / (mean of s(x, z) over z in NN(x) / 2 + mean of s(y, z) over z in NN(y) / 2)

It is 1 for what is as alike as neighbours are on average: what is near everything has no high margin. Where one of the
means is not above 0 it is 0.

The neighbours are what takes long: blocks of both sides are dealt to the tasks of a job array, and each is written to a
journal. Sums are those of one process, byte for byte. What was found is kept, so that pairs can be chosen anew at once.
The merge holds some 50 bytes for each recording of both sides; a task, see `nearest`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

import numpy as np

from fangyan import shards
from fangyan.data.checks import needed
from fangyan.errors import UserError
from fangyan.files import fingerprint, is_done, made_from, number, produce, write_json
from fangyan.folders import check_replaceable
from fangyan.journal import Journal
from fangyan.mining import listing, truth
from fangyan.mining.banks import Bank, check_comparable, recordings, sentences
from fangyan.mining.margins import CANDIDATE, candidates
from fangyan.mining.nearest import Block, blocks, is_packed, neighbours, packed, unpacked
from fangyan.mining.selection import select
from fangyan.mining.truth import Score, Truth, read_truth
from fangyan.progress import Progress
from fangyan.search import Index
from fangyan.shards import WHOLE, Resumable, Shard
from fangyan.tables import write_rows

K, CUT = 16, 64
"""Neighbours of each recording; those that a first cut leaves, of which they are."""
CANDIDATES, MADE_BY = "candidates.npy", "mining.json"


@dataclass(frozen=True)
class Sides:
    """Two indexes and the varieties of each (none: all); ``texts``: a file in place of a target."""

    source: Path
    target: Path | None = None
    texts: Path | None = None
    source_varieties: Sequence[str] = ()
    target_varieties: Sequence[str] = ()

    def banks(self) -> tuple[Bank, Bank]:
        """The two sides; `UserError` where they cannot be compared."""
        source = Index(self.source)
        if bool(self.target) == bool(self.texts):
            raise UserError(
                "--target INDEX or --texts FILE says where translations are looked for: one of them"
            )
        if self.texts and self.target_varieties:
            raise UserError("--target_variety: sentences, which --texts names, are of no variety")
        if self.texts:
            target = sentences(self.texts, source)
        else:
            index = source if self.target == self.source else Index(self.target)
            check_comparable(source, index)
            target = recordings(index, self.target_varieties, "target_variety")
        return recordings(source, self.source_varieties, "source_variety"), target


@dataclass(frozen=True)
class Rule:
    """Which candidates are pairs: those of a margin, those that are each other's best, or as a truth says.

    ``threshold``: a number, or a folder that was mined with a ``truth``: data directories where sentences are known,
    for the threshold of the best F1, or of the best recall that has the ``precision``.
    """

    threshold: str = ""
    mutual: bool = False
    truth: Sequence[Path] = ()
    precision: float | None = None

    def check(self) -> None:
        """`UserError` where it is none."""
        if not (self.threshold or self.mutual or self.truth):
            raise UserError(
                "which candidates are pairs: --threshold MARGIN, --threshold FOLDER of a `fangyan mine --truth`, "
                "--mutual, or --truth DATA_DIR, got none of them"
            )
        if self.precision is not None and (self.threshold or not self.truth):
            raise UserError("--precision chooses a threshold: it needs --truth, and no --threshold")

    def margin(self) -> float | None:
        """The threshold, where it is known before pairs are counted."""
        if not self.threshold:
            return None if self.truth else 0.0
        try:
            margin = number(self.threshold)
        except ValueError:
            return truth.read_choice(Path(self.threshold)).threshold
        if margin < 0:
            raise UserError(f"--threshold {self.threshold}: a margin is 0 at least, and 1 on average")
        return margin

    def origin(self) -> dict:
        """What the threshold was worth where it was chosen; empty where it was not."""
        measured = bool(self.threshold) and Path(self.threshold, truth.SCORES).exists()
        return {"folder": self.threshold} | vars(truth.read_choice(Path(self.threshold))) if measured else {}


def mine(sides: Sides, rule: Rule, out: Path, k: int = K, cut: int = CUT, part: Shard = WHOLE) -> bool:
    """Writes the pairs of two sides to the folder ``out`` (`listing`), and says whether it had to.

    Besides: ``candidates.npy``, ``mining.json``; with a truth ``thresholds.tsv`` and, at the threshold, ``scores.tsv``.
    ``part``: a shard of the neighbours, or the merge. `UserError` for sides that cannot be compared, and for no rule.
    """
    rule.check()
    if cut < k:
        raise UserError(
            f"--cut {cut}: the --k {k} neighbours are among what it leaves, so it is {k} at least"
        )
    margin, banks = rule.margin(), sides.banks()
    job = _Job(sides, rule, out, k, cut, margin, banks, read_truth(banks, rule.truth) if rule.truth else None)
    if is_done(out, job.inputs):
        shards.discard_shards(out)  # a process may have been killed before it did
        return False
    found = _read_candidates(out) if (made_from(out) or {}).get("mine") == job.found_from else None
    if found is None:
        check_replaceable(out, job.inputs)
        items = blocks(job.banks)
        return Resumable(out, "blocks", items, job.journal, job.extend, job.finish).run(part)
    if part.merges or part == WHOLE:
        job.write(found)
    return part.merges or part == WHOLE


def _read_candidates(out: Path) -> np.ndarray | None:
    """What was found before; None where it is damaged, and to be found anew."""
    try:
        found = np.load(out / CANDIDATES, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == CANDIDATE and found.ndim == 1 else None


@dataclass(frozen=True)
class _Job:
    """What is mined, by what rule and margin (None: to be chosen), and where it goes."""

    sides: Sides
    rule: Rule
    out: Path
    k: int
    cut: int
    margin: float | None
    banks: tuple[Bank, Bank]
    truths: tuple[Truth, Truth] | None

    @cached_property
    def found_from(self) -> dict:
        """What decides the candidates."""
        made = self.banks[0].index.settings
        banks = [bank.identity for bank in self.banks]
        return {"banks": banks, "encoder": made.identity, "layer": made.layer, "k": self.k, "cut": self.cut}

    @property
    def inputs(self) -> dict:
        """What decides all that is written."""
        truth = [fingerprint(needed(data, "utt2sent")) for data in self.rule.truth]
        chosen = {"margin": self.margin, "mutual": self.rule.mutual, "precision": self.rule.precision}
        return {"mine": self.found_from, "chosen": chosen | {"truth": truth}}

    def journal(self, shard: Shard) -> Journal:
        """The neighbours of the blocks of a shard, as far as they are found."""
        return Journal(shard.folder(self.out), self.found_from, partial(is_packed, k=self.k))

    def extend(self, written: Journal, due: Sequence[Block]) -> None:
        """Finds the neighbours of the blocks that a journal lacks."""
        sizes = [block.stop - block.start for block in due]
        done = len(written)
        with Progress("mine", sum(sizes), "recordings", sum(sizes[:done])) as bar:
            for block, size in zip(due[done:], sizes[done:], strict=True):
                written.append(packed(neighbours(self.banks, block, self.k, self.cut)))
                bar.update(size)

    def finish(self, parts: Sequence[Journal]) -> None:
        """Writes ``out`` from the blocks of all shards, which were dealt to them in turn; removes the shards."""

        def found() -> Iterator[tuple[Block, np.ndarray]]:
            sources = [part.records() for part in parts]
            for n, block in enumerate(blocks(self.banks)):
                yield block, unpacked(next(sources[n % len(sources)]), self.k)

        self.write(candidates(found, (len(self.banks[0]), len(self.banks[1]))))
        shards.discard_shards(self.out)

    def write(self, found: np.ndarray) -> None:
        """Writes ``out`` from all candidates."""

        def build(folder: Path) -> None:
            np.save(folder / CANDIDATES, found)
            chosen = select(found, *self.banks, mutual=self.rule.mutual)
            threshold = self._measure(chosen, folder) if self.truths else self.margin
            listing.write(folder, chosen[chosen["margin"] >= threshold], *self.banks)
            write_json(folder / MADE_BY, self._made_by(threshold))

        produce(self.out, self.inputs, build)

    def _measure(self, chosen: np.ndarray, folder: Path) -> float:
        """The threshold, chosen where none was given; writes what pairs are worth at each, and at this one."""
        counted = truth.count(chosen, self.truths)
        curves = [of.curve(truth.thresholds(chosen)) for of in counted]
        threshold = truth.choose(curves[0], self.rule.precision) if self.margin is None else self.margin
        write_rows(folder / truth.THRESHOLDS, chain.from_iterable(curves), Score)
        write_rows(folder / truth.SCORES, [of.at(threshold) for of in counted], Score)
        return threshold

    def _made_by(self, threshold: float) -> dict:
        """What is to be quoted of the pairs."""
        settings = self.banks[0].index.settings
        made = {"encoder": settings.spec, "layer": settings.layer, "k": self.k, "cut": self.cut}
        made["mutual"] = self.rule.mutual
        made |= {name: f"{path}" for name, path in vars(self.sides).items() if isinstance(path, Path)}
        made |= {name: [*of] for name, of in vars(self.sides).items() if name.endswith("varieties") and of}
        made |= {"threshold": threshold, "truth": [f"{data}" for data in self.rule.truth]}
        return made | {"threshold_of": self.rule.origin()}
