"""The licence of each corpus, as its module states it, and of a model that learned from several.

`conf/licences.tsv` says what a licence allows. A trained model is taken for a work derived from its corpora, which is
the careful reading: courts have not settled it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from fangyan import corpora
from fangyan.files import ROOT, read_table

PARTS = ("What", "Sets", "Overlap", "Licence", "Where to get it", "Citation", "Sampling")
"""What the docstring of a corpus module is made of."""
HUB_DATA = re.compile(r"hf download ([\w.-]+/[\w.-]+) --repo-type dataset")


@dataclass(frozen=True)
class Licence:
    """A row of the table; ``redistribution``, ``commercial``, ``derivatives``: yes, no or unknown."""

    name: str
    hub: str
    redistribution: str
    commercial: str
    derivatives: str
    url: str

    @property
    def forbids_publishing(self) -> bool:
        """Whether a model made from such a corpus must not be handed on, or nobody knows."""
        return not self.redistribution == self.derivatives == "yes"

    @property
    def allows_recordings(self) -> bool:
        """Whether the recordings themselves may be handed on in another format: it is a known licence, of all of it."""
        return self.hub != UNSTATED.hub and not self.forbids_publishing


UNSTATED = Licence("unstated", "other", "unknown", "unknown", "unknown", "-")


@dataclass(frozen=True)
class Corpus:
    """What a model card says of a corpus; ``terms``: its licence in the words of its module."""

    name: str
    title: str
    terms: str
    citation: str
    datasets: tuple[str, ...]  # on the Hub
    licence: Licence


@cache
def table() -> tuple[Licence, ...]:
    """The known licences, from the freest to the most restrictive."""
    return tuple(Licence(**row) for row in read_table(ROOT / "conf" / "licences.tsv"))


def describe(name: str) -> Corpus:
    """A corpus as its module describes it; without a licence where there is no such module."""
    if name not in corpora.names():
        return Corpus(
            name or "unknown", "not recorded where the data came from", "unstated", "", (), UNSTATED
        )
    words = (corpora.load(name).__doc__ or "").replace("``", "").split()
    title, _, text = " ".join(words).partition(" What: ")
    marks = "|".join(PARTS)
    said = dict(re.findall(rf"\b({marks}): (.*?)(?= (?:{marks}): |\Z)", f"What: {text}"))
    terms = said.get("Licence", "unstated")
    citation = said.get("Citation", "").removesuffix("none.")
    return Corpus(name, title, terms, citation, tuple(HUB_DATA.findall(text)), _named(terms))


def strictest(described: Iterable[Corpus]) -> Corpus:
    """The corpus whose licence is the most restrictive: that of a model that learned from all of them."""
    order = [*table(), UNSTATED]
    return max(described, key=lambda corpus: order.index(corpus.licence))


def _named(terms: str) -> Licence:
    """The licence that the terms of a corpus begin with; of several the longest name."""
    found = [licence for licence in table() if re.match(rf"{re.escape(licence.name)}(?!\w)", terms)]
    return max(found, key=lambda licence: len(licence.name), default=UNSTATED)
