"""Scores by folds, from the ranks of an experiment folder: `fangyan.measure.folds` says what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.measure import folds
from fangyan.measure.folds import Folds
from fangyan.measure.selection import Mean
from fangyan.measure.significance import Interval, recall_interval


@dataclass(frozen=True)
class Folded:
    """What two halves chose, and by set the means of each query at the layer that the other half chose."""

    folds: Folds
    seqsim: Mapping[str, Mean]
    pooled: Mapping[str, Mean]  # of the sets that have it
    intervals: Mapping[str, Interval]  # of R@1 by SeqSim


def read(folder: Path, sets: Sequence[str], pooled: Sequence[str]) -> Folded:
    """The scores by folds on ``sets``, and mean-pooled on ``pooled``, from ``folder/retrieval*/<set>/ranks.tsv``.

    Raises `DataError` for ranks that are missing or malformed.
    """
    found = folds.choose_by_folds([folder / "retrieval" / name for name in sets])
    queries = {name: found.queries(folder / "retrieval" / name) for name in sets}
    pooled_queries = {
        name: found.queries(folder / "retrieval_pooled" / name) for name in pooled if name in sets
    }
    return Folded(
        folds=found,
        seqsim={name: folds.mean(of_set) for name, of_set in queries.items()},
        pooled={name: folds.mean(of_set) for name, of_set in pooled_queries.items()},
        intervals={name: recall_interval(found.layers, of_set) for name, of_set in queries.items()},
    )
