"""What a model was trained on, all parts of it: its corpora decide under which licence it may be handed on."""

from pathlib import Path

from fangyan.data.sources import Origin
from fangyan.encoders import llm_files
from fangyan.errors import UserError
from fangyan.training import summary


def origins(spec: str) -> list[Origin]:
    """What each corpus gave to the training of a model, as far as that is known; of units to that of their encoder."""
    name, _, argument = spec.partition(":")
    home = Path(argument)
    found = summary.origins(summary.read(home)) if argument else []
    if name != "llm" or not home.exists():
        return found
    try:
        return [*found, *origins(llm_files.units(llm_files.locate(argument)).encoder)]
    except UserError:  # the encoder of its units is not here: what needs it says so
        return found
