"""What the licences of its corpora mean for a model: the text that goes with it, and whether it may go at all."""

from collections.abc import Sequence

from fangyan.corpora.common.licences import Corpus, strictest
from fangyan.errors import UserError


def licence_text(corpora: Sequence[Corpus]) -> str:
    """Which licence the model is under and why, then the terms of each corpus; plain text."""
    binding = strictest(corpora)
    licence = binding.licence
    head = (
        f"This model is under {_named(binding)}. It follows from the data it was trained on: a model is taken for a "
        f"work derived from its corpora, and of their licences the most restrictive holds, that of {binding.name}. "
        f"Handing on such a model: {licence.redistribution}; commercial use: {licence.commercial}; "
        f"deriving models from the data: {licence.derivatives}. Whether the law asks for that is not settled; this is "
        "the careful reading."
    )
    terms = [f"{corpus.name}: {corpus.terms}" for corpus in corpora]
    return "\n\n".join([head, "The terms of the corpora:", *terms]) + "\n"


def check_permission(
    place: str, corpora: Sequence[Corpus], permission: str, thing: str = "a model trained on"
) -> None:
    """Raises `UserError` where a licence forbids to publish ``thing`` and there is no permission."""
    forbidding = [corpus for corpus in corpora if corpus.licence.forbids_publishing]
    if forbidding and not permission:
        which = "; ".join(f"{corpus.name} ({corpus.terms.rstrip('.')})" for corpus in forbidding)
        raise UserError(
            f"{place}: not published: nothing allows to hand on {thing} {which}. If its owners allow "
            "it, or it is yours: --i_have_permission 'WHO ALLOWED IT, AND WHEN'; the model card quotes that"
        )


def front_matter(corpora: Sequence[Corpus]) -> dict[str, str]:
    """The licence in the words of the Hub's front matter."""
    binding = strictest(corpora)
    if binding.licence.hub != "other":
        return {"license": binding.licence.hub}
    return {"license": "other", "license_name": f"terms-of-{binding.name}", "license_link": "LICENSE"}


def _named(corpus: Corpus) -> str:
    """``CC BY 4.0 (https://...)``, or whose terms."""
    licence = corpus.licence
    if licence.hub == "other":
        return f"the terms of {corpus.name}"
    return f"{licence.name} ({licence.url})"
