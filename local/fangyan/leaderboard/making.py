"""What an experiment submits: its scores on one set, from the results that the report reads and the ranks behind."""

from collections.abc import Mapping, Sequence
from hashlib import file_digest
from itertools import groupby
from pathlib import Path
from typing import Any

from fangyan import experiments
from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.features.layers import Layer as Layers
from fangyan.files import fingerprint, made_from
from fangyan.leaderboard.submission import (
    FORM,
    Corpus,
    Encoder,
    Layer,
    Origin,
    PairScore,
    Protocol,
    Score,
    Submission,
    hash_of,
)
from fangyan.measure import results_folder
from fangyan.measure.bootstrap import DRAWS
from fangyan.measure.retrieval.layers import APART
from fangyan.measure.retrieval.sides import SENTENCES, VARIETY
from fangyan.measure.retrieval.tables import RankedQuery, table_of
from fangyan.measure.significance import RANKS_FILE, Interval, read_ranks, recall_interval
from fangyan.measure.ties import TIE
from fangyan.progress import track_iterable
from fangyan.report.read import results
from fangyan.report.read.results import Results, scored_sets
from fangyan.training import summary

AGAIN = "run the stage measure again"


def make(
    exp: Path,
    dev: str = "",
    test: str = "",
    data: Path = Path("data"),
    layers: Sequence[str] = (),
    folds: bool = False,
    name: str = "",
) -> Submission:
    """The submission of an experiment.

    ``dev``: the set that chose the layer, by default that of the training; ``test``: the set to submit, by default the
    only other one that was scored; ``data``: the folder of the data directories; ``layers``: as of `report.report`;
    ``folds``: whether halves of the sentences choose the layer; ``name``: what to call the encoder, by default as the
    folder. `UserError` and `DataError` as `results.read`, and where scores, features and data are not of one another.
    """
    home = results_folder(exp, layers) / "retrieval"
    dev, test = _sets(exp, home, dev, test, folds)
    found = results.read(exp, dev, [test], layers=layers, unchosen="", folds=folds)
    made = _scored(home / test, exp / "feats" / test, data / test)
    queries = _queries(home / test, found)
    whole = recall_interval(found.encoder.layers or "", queries)
    protocol = _protocol(made)
    with table_of(home / test, RANKS_FILE).open("rb") as ranks:
        digest = file_digest(ranks, "sha256").hexdigest()
    return Submission(
        form=FORM,
        protocol=protocol,
        protocol_hash=hash_of(protocol),
        corpus=_corpus(data / test, protocol),
        encoder=_encoder(exp / "feats" / test, name or exp.resolve().name, made),
        layer=Layer(found.encoder.layers or "", found.choice),
        mean=Score(**_fields(whole)),
        drawn=whole.clusters,
        pairs=tuple(_pairs(queries)),
        ranks=digest,
        origin=_origin(found.train),
    )


def _sets(exp: Path, home: Path, dev: str, test: str, folds: bool) -> tuple[str, str]:
    """The development set, may be empty, and the set to submit."""
    experiments.check_there(exp)
    scored = scored_sets(home.parent, home.name)
    if not scored:
        raise UserError(f"{home}: no set was scored there: run the stage measure")
    trained = summary.read(exp).get("dev_set", "")
    dev = dev or (trained if trained in scored and trained != test and not folds else "")
    others = [name for name in scored if name != dev]
    if not test and len(others) != 1:
        raise UserError(
            f"{home}: one set is submitted, scored are {', '.join(scored)}: name it with --test, and with --dev the "
            "one that chose the layer"
        )
    return dev, test or others[0]


def _scored(folder: Path, feats: Path, data: Path) -> Mapping[str, Any]:
    """What the retrieval of a set was made from; `DataError` unless the data and the features are still those."""
    made = made_from(folder)
    if made is None or not made.keys() >= {"data", "feats", "layers", "score", "normalise"}:
        raise DataError(f"{folder}: not finished by the stage measure: run it first")
    if not data.is_dir():
        raise UserError(
            f"{data}: no such data directory: name the folder that {data.name} lies in with --data"
        )
    if datadir.tables(data, *_columns(made)) != made["data"]:
        raise DataError(f"{data}: the tables are those that {folder} was scored with, got others: {AGAIN}")
    if not feats.is_dir():
        raise UserError(f"{feats}: no such folder: its encoder is known by the features: run the stage dump")
    layers = [Layers.parse(name.partition(APART)[0]) for name in made["layers"]]
    names = sorted({name for layer in layers for name in layer.names})
    if dump.identity_of(feats, names) != made["feats"]:
        raise DataError(f"{feats}: the features are those that {folder} was scored by, got others: {AGAIN}")
    return made


def _columns(made: Mapping[str, Any]) -> tuple[str, str]:
    """The columns of sentence ids and of sides."""
    return made.get("sentences", SENTENCES), made.get("by", VARIETY)


def _protocol(made: Mapping[str, Any]) -> Protocol:
    texts = tuple(made.get("columns", ()))
    return Protocol(made["score"], made["normalise"], *_columns(made), texts, TIE, DRAWS, 0)


def _corpus(data: Path, protocol: Protocol) -> Corpus:
    utterances = datadir.read(data, datadir.GROUPING)
    columns = [read_column(data, name) for name in (protocol.sentences, protocol.by)]
    rows = [
        (u.id, u.variety, u.sentence, u.duration, *(column[u.id] for column in columns)) for u in utterances
    ]
    return Corpus(
        set=data.name,
        fingerprint=fingerprint(rows),
        utterances=len(rows),
        sentences=len(set(columns[0].values())),
        varieties=tuple(sorted({u.variety for u in utterances})),
    )


def _encoder(feats: Path, name: str, made: Mapping[str, Any]) -> Encoder:
    encoder = (made_from(feats) or {}).get("encoder")
    if not isinstance(encoder, dict):
        raise DataError(f"{feats}: not finished by the stage dump, so its encoder is not known: run it first")
    return Encoder(name, encoder["family"], fingerprint(encoder))


def _queries(retrieval: Path, found: Results) -> list[RankedQuery]:
    """The queries at the layer that the report shows, or by folds each at the layer that the other half chose."""
    if found.encoder.folded:
        return found.encoder.folded.folds.queries(retrieval)
    path = table_of(retrieval, RANKS_FILE)
    for layer, queries in read_ranks(path):
        if layer == found.encoder.layer:
            return queries
    raise DataError(f"{path}: has the layers of pairs.tsv, got none of {found.encoder.layer}: {AGAIN}")


def _pairs(queries: Sequence[RankedQuery]) -> list[PairScore]:
    """A cell of the matrix for each ordered pair, with an interval of its own."""
    ordered = sorted(queries)
    pairs = [(ends, [*rows]) for ends, rows in groupby(ordered, lambda query: (query.source, query.target))]
    tracked = track_iterable(pairs, len(pairs), "submission", "pairs of varieties")
    return [PairScore(*ends, **_fields(recall_interval("", rows))) for ends, rows in tracked]


def _fields(row: Interval) -> dict[str, Any]:
    """The fields of a `Score`."""
    values = {"recall_at_1": row.mean, "low": row.low, "high": row.high, "chance": row.chance}
    return {name: float(value) for name, value in values.items()} | {"queries": row.n}


def _origin(train: Mapping[str, Any]) -> Origin:
    code = train.get("code") or {}
    known = {name: train.get(name) for name in ("threads", "seed")}
    facts = {name: train.get(name) or {} for name in ("versions", "machine")}
    told = {name: {k: v for k, v in found.items() if v not in (None, "")} for name, found in facts.items()}
    return Origin(**told, **known, commit=code.get("commit"), dirty=bool(code.get("dirty")))
