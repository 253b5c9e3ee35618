"""The options of a recipe's run.sh, checked before its first stage: by their form, and by what lies here."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from fangyan.errors import UserError
from fangyan.recipes import data, models, settings
from fangyan.recipes.options import PIPELINE, Options

RULES = (*settings.RULES, *data.RULES, *models.RULES)
"""Functions of `Options` that raise a `UserError` for a value that will not do, or give one after the other."""


def mistakes(words: Sequence[str], stages: Sequence[str], exp: Path, template: Path = PIPELINE) -> list[str]:
    """What is wrong with the options ``NAME=VALUE`` of run.sh for the ``stages`` that are to run in ``exp``.

    ``template``: the script whose options these are; what a rule is about, it may not have.
    Nothing is loaded and nobody is asked, but for a training configuration or a list of measures of the user's own,
    which are read by what is to use them.
    """
    options = Options.parse(words, stages, exp, template)
    found = (told(rule, options) for rule in RULES)
    return list(dict.fromkeys(chain.from_iterable(found)))


def told(rule, options: Options) -> list[str]:
    """What a rule says against the options."""
    try:
        return [*(rule(options) or ())]
    except UserError as error:
        return [str(error)]
