"""Texts as units in a pre-trained encoder: do speech and text of one sentence meet in the shared stack, at which layer?

The encoder reads the Mandarin wording of each sentence as units (`fangyan.encoders.unit_side`), and recordings find
texts, texts recordings, and recordings each other, frame by frame. ``exp/unit_texts/`` is laid out as ``cross_modal/``
is (`fangyan.measure.cross_modal`). Of the untrained twin it says what the form of the units alone gives.

The units of ``data/test`` are those of ``data/texts_test_text_cmn``, as ``fangyan text_units`` makes them; of several
texts of a sentence, which differ in how long units last, the first by id is read.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fangyan.errors import UserError
from fangyan.features import dump, sentences
from fangyan.measure.cross_modal import retrieve_texts
from fangyan.measure.retrieval.layers import APART
from fangyan.measure.texts import COLUMN, dump_texts
from fangyan.training import summary
from fangyan.training.texts import model_of
from fangyan.units.column import COLUMN as UNITS


def unit_texts(
    encoder: str,
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    score: str = "seqsim",
    normalise: str = "none",
    units: str = UNITS,
) -> bool:
    """Writes ``out`` as above and says whether there was something to do.

    ``encoder``: SPEC of a pre-trained model, or of its untrained twin; ``feats``: its features of recordings;
    ``score``, ``normalise``: as of `fangyan.measure.retrieval.retrieve`; ``units``: the column. `UserError` where a set
    has no texts as units, or those of another model of units than the encoder learnt, and for one that reads none.
    """
    wordings = {data: _read(data, units) for data in sets}
    _check_model(encoder, [directory_of(data) for data in sets], units)
    for data, texts in wordings.items():
        dump_texts(encoder, texts, data.name, "", out)
    layers = [f"{name}{APART}{name}" for name in dump.layers(out / "feats" / sets[0].name)]
    return retrieve_texts(feats, out / "feats", sets, out, score, layers, normalise)


def directory_of(data: Path) -> Path:
    """Where the texts of a data directory lie as units."""
    return data.with_name(f"texts_{data.name}_{COLUMN}")


def _read(data: Path, units: str) -> Mapping[str, str]:
    """The units of the first text of each sentence, by its id."""
    folder = directory_of(data)
    if not (folder / units).is_file():
        raise UserError(
            f"{folder / units}: no texts as units there: make them with fangyan text_units --data {data} --column "
            f"{COLUMN} --out {folder}"
        )
    return {sentence.id: sentence.text for sentence in sentences.read(folder, units)}


def _check_model(encoder: str, folders: Sequence[Path], units: str) -> None:
    """`UserError` for texts as units of another model than the encoder was trained on, as far as stamps tell."""
    exp = Path(encoder.partition(":")[2])
    learnt = summary.read(exp).get(summary.UNITS)
    for folder in folders if learnt else ():
        if model_of([folder], units) not in ("", learnt):
            raise UserError(
                f"{folder / units}: of another model of units than {exp} was trained on: run stages units and texts "
                "again with the options of that training"
            )
