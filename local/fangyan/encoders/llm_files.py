"""Language models that read units and texts, as files: an experiment, a folder or a Hub id, with nothing of it loaded.

    modules.json ...     an ordinary model of sentence-transformers, whose tokenizer knows units and prefixes
    units/               which units an utterance is read as (`fangyan.encoders.unit_model`)
    dual.yaml            varieties that have a prefix; text_variety, that of a typed sentence; text_column, of texts
                         like those it has learned; layer, where its makers recommend one to compare utterances at

An experiment has that folder as ``llm``. Without one of the varieties a prefix names the modality alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from fangyan import config
from fangyan.encoders import check_spec, hub, sentence, unit_model
from fangyan.encoders import files as files_of
from fangyan.encoders import version as version_of
from fangyan.encoders.choice import JOINT, Choice, choice_of_experiment
from fangyan.encoders.families import LLM_FOLDER, LLM_SETTINGS
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.files import read_json

UNITS = "units"
PATTERNS = (*sentence.PATTERNS, LLM_SETTINGS, f"{UNITS}/*")
OF_SETTINGS = (sentence.MODULES, "*config*.json", LLM_SETTINGS, f"{UNITS}/units.*")
"""What tells of a model without its weights."""


@dataclass(frozen=True)
class Dual:
    """What ``dual.yaml`` says."""

    varieties: tuple[str, ...] = ()
    text_variety: str = ""
    text_column: str = ""
    layer: str = ""


def locate(argument: str, patterns: Sequence[str] = PATTERNS) -> Path:
    """The folder of the model that a SPEC names; `UserError` for what is none."""
    found = hub.locate(argument, patterns)
    for folder in (found, found / LLM_FOLDER):
        if (folder / LLM_SETTINGS).is_file():
            return folder
    raise UserError(
        f"llm:{argument}: no language model that reads units: neither has it {LLM_SETTINGS} nor a folder {LLM_FOLDER} "
        "with that; fangyan train_dual makes one"
    )


def read(folder: Path) -> Dual:
    """What the model in ``folder`` says of itself; `DataError` for what is malformed."""
    path = folder / LLM_SETTINGS
    said = config.load(path)
    if not isinstance(said, dict):
        raise DataError(f"{path}: must be a mapping of names to values, got {said!r}")
    found = {field.name: said[field.name] for field in fields(Dual) if field.name in said}
    varieties = found.pop("varieties", [])
    if not isinstance(varieties, list) or not all(isinstance(x, str) for x in (*varieties, *found.values())):
        raise DataError(f"{path}: varieties is a list of words, {', '.join(found)} a word each, got {said!r}")
    dual = Dual(tuple(varieties), **found)
    if dual.text_variety and dual.text_variety not in varieties:
        raise DataError(f"{path}: text_variety is one of varieties, got {dual.text_variety!r}")
    return dual


def units(folder: Path) -> UnitModel:
    """The units of the model in ``folder``; `UserError` where there are none, or their encoder is not here."""
    found = unit_model.load(folder / UNITS)
    family = found.encoder.partition(":")[0]
    if family in ("llm", "text"):
        raise DataError(
            f"{folder / UNITS}: units are of an encoder of speech that is no language model, got {found.encoder}"
        )
    try:
        check_spec(found.encoder)
    except UserError as error:
        raise UserError(
            f"{folder / UNITS / unit_model.SETTINGS}: the units of this model are those of {found.encoder}, which "
            f"is not here ({error}): put it, or a link to it, there, or write into that file where it lies"
        ) from None
    return found


def files(argument: str) -> list[Path | str]:
    """What decides the features: those of the language model, its settings, its units, and the encoder of these."""
    folder = locate(argument)
    model = units(folder)
    version = version_of(model.encoder.partition(":")[0])
    return [*hub.content(own_files(folder), argument), *files_of(model.encoder), version]


def own_files(folder: Path) -> list[Path]:
    """The files of the model in ``folder`` itself: those of the language model, its settings, its units."""
    units_of = (folder / UNITS / name for name in unit_model.FILES)
    return [*sentence.files_in(folder), folder / LLM_SETTINGS, *units_of]


def recommended(argument: str) -> Choice:
    """The layer to compare utterances at: of an experiment by its development set, else as its makers say."""
    try:
        folder = locate(argument, OF_SETTINGS)
    except UserError:  # features that were dumped elsewhere are still to be measured
        return choice_of_experiment(Path(argument))
    if layer := read(folder).layer:
        return Choice(layer, "recommended by its makers")
    return choice_of_experiment(Path(argument))


def layers_at_hand(argument: str) -> tuple[str, ...]:
    """The names of the layers, if the settings that tell how many there are lie here; the Hub is not asked."""
    place = hub.at_hand(argument, LLM_SETTINGS)
    homes = [
        home for home in (place, place and place / LLM_FOLDER) if home and (home / sentence.MODULES).is_file()
    ]
    return layers(homes[0]) if homes else ()


def layers(folder: Path) -> tuple[str, ...]:
    """layer00 ... and joint, by the settings in ``folder``; none where they have no number of blocks."""
    path = sentence.places(folder)[0] / "config.json"
    settings = read_json(path) if path.is_file() else {}
    inner = settings.get("text_config")
    blocks = (inner if isinstance(inner, dict) else settings).get("num_hidden_layers")
    return (*(f"layer{n:02d}" for n in range(blocks + 1)), JOINT) if type(blocks) is int else ()
