"""Measures of an encoder and of what it is compared with: which ones is data, the list of `fangyan.measure.plan`.

    exp/feats, exp/baselines/*/feats -> retrieve, intervals, control, ... -> a folder each, beside the features

In a job array the tasks share the measurements that can be divided; the job that merges them does the others.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import UserError
from fangyan.measure.plan import Given, Measurement
from fangyan.shards import WHOLE, Shard


def results_folder(exp: Path, layers: Sequence[str] = ()) -> Path:
    """Where the results of an experiment stand: those of all layers in it, those of some in a folder of their own.

    So the main result of an experiment is always that of all its layers, and no other takes its place.
    """
    name = "_".join(layers)  # as utils/names.sh says it
    return exp / "layers" / re.sub(r"[^\w.+-]", "_", name, flags=re.ASCII) if name else exp


@dataclass(frozen=True)
class Subject:
    """An encoder that is measured: its folder, with features in ``feats``, its SPEC, layers to score (none: all)."""

    home: Path
    encoder: str
    layers: Sequence[str] = ()

    def given(self, one: Measurement, sets: Sequence[Path], part: Shard) -> Given:
        """What a measurement of it gets."""
        results = results_folder(self.home, self.layers)
        return Given(
            encoder=self.encoder,
            feats=self.home / "feats",
            retrieval=results / "retrieval",
            layers=self.layers,
            sets=sets,
            names=[data.name for data in sets],
            out=(results if one.of_layers else self.home) / one.folder,
            part=part,
        )


def baseline(exp: Path, words: str) -> Subject:
    """The baseline of an experiment that ``NAME=SPEC`` says, in ``baselines/NAME``; `UserError` for other words."""
    name, _, spec = words.partition("=")
    if not spec or Path(name).name != name:
        raise UserError(f"--baseline is NAME=SPEC, the name of its folder and its encoder, got {words!r}")
    return Subject(exp / "baselines" / name, spec)


def measure(
    measurements: Iterable[Measurement],
    model: Subject,
    baselines: Sequence[Subject],
    sets: Sequence[Path],
    part: Shard = WHOLE,
) -> Iterator[tuple[Path, bool]]:
    """The folder of the results of each measurement, and whether there was something to do; each as it is finished.

    ``sets``: data directories; ``part``: a shard of what can be divided, or the merging of shards with all the rest.
    """
    for one in measurements:
        if one.shardable or part == WHOLE or part.merges:
            for subject in (model, *(baselines if one.baselines else ())):
                given = subject.given(one, sets, part)
                yield given.out, one.run(given)
