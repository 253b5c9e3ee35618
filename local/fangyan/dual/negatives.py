"""Hard negatives: with each utterance a text that differs from its own in a number, a negation, a name, a place."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fangyan.dual.pairs import Pair, Spoken
from fangyan.encoders.unit_strings import of_text
from fangyan.measure.hard_negatives.changes import variants


def with_negatives(pairs: Sequence[Pair], utterances: Iterable[Spoken], variety: str) -> list[Pair]:
    """The pairs of utterances and Mandarin texts, with the variants of each text in turn as their ``negative``.

    It is the text itself where the rules (``conf/hard_negatives.tsv``) change nothing: such a row teaches nothing.
    """
    by_sentence: dict[str, list[str]] = {}
    for variant in variants({utterance.sentence: utterance.text for utterance in utterances}):
        by_sentence.setdefault(variant.sentence, []).append(of_text(variant.text, variety))
    found = []
    for n, pair in enumerate(pairs):
        choice = by_sentence.get(pair.sentence, [pair.other])
        found.append(replace(pair, negative=choice[n % len(choice)]))
    return found
