"""Mean scores of each layer, and the layer that they choose by the rule of `fangyan.encoders.choice`.

Whatever else is reported of the encoder (mean-pooled scores, CER, the pronunciation control) is read off at that layer.

Without a development set none is chosen: all layers are the result, and what can be shown of one layer only is shown of
`layer_to_show`, or `fangyan.measure.folds` chooses one on the sentences of the test sets themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean

from fangyan.encoders.choice import choose_layer, of_frames
from fangyan.errors import DataError
from fangyan.measure.retrieval.kinds import by_kind
from fangyan.measure.retrieval.tables import Pair, table_of
from fangyan.rounding import percent
from fangyan.tables import read_rows
from fangyan.terminal import COLUMNS, shorten, table

AVERAGED = ("recall_at_1", "recall_at_5", "mrr", "chance")


@dataclass(frozen=True)
class Mean:
    """The unweighted mean over ordered pairs of varieties."""

    recall_at_1: float
    recall_at_5: float
    mrr: float
    chance: float
    pairs: int
    fewest: int  # queries of the smallest and of the largest pair
    most: int


def by_layer(pairs: Sequence[Pair]) -> dict[str, Mean]:
    """The mean over ordered pairs of each layer, in the order of ``pairs``: of ``pairs.tsv`` shallow first."""
    layers: dict[str, list[Pair]] = {}
    for pair in pairs:
        layers.setdefault(pair.layer, []).append(pair)
    return {layer: _mean(members) for layer, members in layers.items()}


def layer_to_show(sets: Iterable[Sequence[Pair]], recommended: str = "") -> str | None:
    """The layer to show where none was chosen: of those that all sets have the recommended one, else the last.

    ``sets``: the rows of ``pairs.tsv`` of each. None where they have no layer in common.
    """
    first, *others = [list(by_layer(pairs)) for pairs in sets] or [[]]
    layers = [layer for layer in first if all(layer in of_set for of_set in others)]
    return recommended if recommended in layers else next(reversed(of_frames(layers)), None)


def chosen_on(retrieval: Path) -> str:
    """The layer that the rule chooses on a development set, from its folder of `fangyan.measure.retrieval`."""
    path = table_of(retrieval, "pairs.tsv")
    layer = choose_layer(read_rows(path, Pair))
    if layer is None:
        raise DataError(f"{path}:2: a layer is chosen by the rows, got none: run the stage measure again")
    return layer


def recall_table(folders: Mapping[str, Path], names: Sequence[str]) -> str:
    """A row for each retrieval among the ``folders`` and set: R@1 in percent at the best layer, the last, by chance.

    ``folders``: by what they are called. A row for each kind of pairs, where there are several (`by_kind`). Empty where
    no set has a ``pairs.tsv``. The best layer is that of the set
    itself, so of a test set no layer to report.
    """
    rows = []
    for called, folder in folders.items():
        for name in names:
            if (file := folder / name / "pairs.tsv").exists():
                kinds = by_kind(file.parent, read_rows(file, Pair))
                for kind, pairs in kinds.items():
                    title = kind if len(kinds) > 1 else called.removeprefix("baselines/")
                    rows.append((title, shorten(name, 14), *_recalls(pairs)))
    header = ("retrieval", "set", "best layer", "R@1", "last layer", "R@1", "chance")
    room = COLUMNS - max(map(len, table(header[1:], [row[1:] for row in rows]).splitlines())) - 2
    short = [(shorten(called, room, keep_end=True), *cells) for called, *cells in rows]
    return table(header, short, numbers=(3, 5, 6)) if rows else ""


def _recalls(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The best layer and its R@1, the last one and its R@1, and chance."""
    means = by_layer(pairs)
    best, last = choose_layer(pairs), of_frames(means)[-1]
    recalls = [(shorten(at, 10), percent(means[at].recall_at_1)) for at in (best, last)]
    return (*chain(*recalls), percent(means[last].chance))


def _mean(pairs: Sequence[Pair]) -> Mean:
    scores = {name: fmean(getattr(pair, name) for pair in pairs) for name in AVERAGED}
    return Mean(**scores, pairs=len(pairs), fewest=min(p.n for p in pairs), most=max(p.n for p in pairs))
