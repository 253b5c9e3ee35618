"""Retrieval across modalities: recordings find texts, texts recordings, and recordings each other, in a joint space.

It is `fangyan.measure.retrieval` by the cosine of mean frames, the recordings of an encoder against a text column that
its text side has read; conventions are those of that module. ``exp/cross_modal/`` holds

- ``feats/<set>``: the features of the texts, each sentence once;
- ``retrieval/<set>/{pairs,groups,ranks}.tsv``: rows ``yue -> text_cmn``, ``text_cmn -> yue`` and ``yue -> cmn``;
- ``kinds/<set>/kinds.tsv``: the means of each kind of pairs (speech to text, text to speech, speech to speech), with
  95 % intervals by a bootstrap over sentences (`fangyan.measure.bootstrap`). Chance is the R@1 of a random order.

How alike speech and speech are here is how alike they are *as one vector*: SeqSim compares frames and may say more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fangyan.encoders.choice import JOINT
from fangyan.files import fingerprint, produce
from fangyan.measure.bootstrap import DRAWS
from fangyan.measure.retrieval import retrieve
from fangyan.measure.retrieval.kinds import kind_of, text_columns
from fangyan.measure.retrieval.tables import RankedQuery
from fangyan.measure.significance import Interval, mean_intervals, read_ranks
from fangyan.measure.texts import COLUMN, check_speech, dump_column, split_layer
from fangyan.tables import write_rows


@dataclass(frozen=True)
class _Kind:
    kind: str


@dataclass(frozen=True)
class KindInterval(Interval, _Kind):
    """A row of ``kinds.tsv``: the mean of a metric over the ordered pairs of one ``kind``, and its interval."""


def cross_modal(
    encoder: str,
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    column: str = COLUMN,
    layer: str = JOINT,
    text: str = "",
) -> bool:
    """Writes ``out`` as above and says whether there was something to do.

    ``feats``: features of recordings by ``encoder``, with ``layer``; ``norm|sentence`` is layer norm of recordings
    and layer sentence of texts. ``text``: SPEC of the text side, by default the encoder's own. `UserError` for a layer
    or a column that is not there, `DataError` where the dimensions of the two layers differ.
    """
    speech, of_texts = split_layer(layer)
    check_speech(feats, sets, speech)
    texts = dump_column(text or encoder, sets, column, of_texts, out)
    return retrieve_texts(feats, texts, sets, out, "pooled", [layer])


def retrieve_texts(
    feats: Path,
    texts: Path,
    sets: Sequence[Path],
    out: Path,
    score: str,
    layers: Sequence[str],
    normalise: str = "none",
) -> bool:
    """Writes retrieval between recordings and texts and its kinds, as above; whether there was something to do.

    ``feats``, ``texts``: folders of the features of both, a folder a set; ``score``, ``normalise``: as of `retrieve`.
    """
    found = retrieve(feats, sets, out / "retrieval", score, normalise, layers, against=[(texts, "")])
    return any([bool(found), *(_intervals(out, data.name) for data in sets)])


def _intervals(home: Path, name: str) -> bool:
    """Whether ``kinds/<name>`` had to be written."""
    folder = home / "retrieval" / name
    inputs = {"ranks": fingerprint(folder / "ranks.tsv"), "draws": DRAWS}
    return produce(home / "kinds" / name, inputs, partial(_write, folder))


def _write(retrieval: Path, folder: Path) -> None:
    rows: list[KindInterval] = []
    columns = text_columns(retrieval)
    for layer, queries in read_ranks(retrieval / "ranks.tsv"):
        kinds: dict[str, list[RankedQuery]] = {}
        for query in queries:
            kinds.setdefault(kind_of(columns, query.source, query.target), []).append(query)
        for kind, of_kind in sorted(kinds.items()):
            rows += (KindInterval(kind, **vars(row)) for row in mean_intervals(layer, of_kind))
    write_rows(folder / "kinds.tsv", rows, KindInterval)
