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
    place: str, learned: Sequence[Corpus], permission: str, recorded: Sequence[Corpus] = ()
) -> None:
    """Raises `UserError` where a licence forbids to publish, and there is no permission.

    ``learned``: corpora that the model was trained on; ``recorded``: those whose recordings go with it themselves,
    which a licence of the tables alone does not allow.
    """
    forbidding = {
        "recordings of": [corpus for corpus in recorded if not corpus.licence.allows_recordings],
        "a model trained on": [corpus for corpus in learned if corpus.licence.forbids_publishing],
    }
    if any(forbidding.values()) and not permission:
        which = " and ".join(f"{thing} {_terms(corpora)}" for thing, corpora in forbidding.items() if corpora)
        raise UserError(
            f"{place}: not published: nothing allows to hand on {which}. If its owners allow "
            "it, or it is yours: --i_have_permission 'WHO ALLOWED IT, AND WHEN'; the model card quotes that"
        )


def _terms(corpora: Sequence[Corpus]) -> str:
    return "; ".join(f"{corpus.name} ({corpus.terms.rstrip('.')})" for corpus in corpora)


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
