"""What the page answers, free of the page: examples, hits, and one of them frame by frame."""

from fangyan.data.datadir import Utterance
from fangyan.demo import view
from fangyan.demo.library import Library
from fangyan.errors import UserError
from fangyan.rounding import decimals

SHOWN = 3
"""Hits of each variety."""

EXAMPLES = 6
"""Examples, at least one of each variety."""


class Answers:
    """What the page does when it is asked something."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.examples = examples(library)

    def example(self, place: int) -> tuple[str, str, str, list[str]]:
        """The recording of an example, nothing that is typed, its id, and the other varieties."""
        utterance = self.examples[place]
        others = [code for code in self.library.varieties if code != utterance.variety]
        return utterance.wav, "", utterance.id, others or [utterance.variety]

    def find(self, recording: str | None, typed: str, asked: str, targets: list[str]) -> tuple[str, str]:
        """The hits in each of ``targets``, and the id of the best of all.

        ``typed``: a sentence, in place of a recording; ``asked``: the id of the utterance that was asked with, empty
        for what is the visitor's own.
        """
        text = " ".join(typed.split())
        if not (recording or text):
            return view.welcome(self.library), ""
        if not targets:
            return view.message("Choose a variety to look in."), ""
        try:
            query = self.library.read(text) if text else self.library.hear(recording)
        except UserError as error:
            return view.message(str(error).removeprefix(f"{recording}: ")), ""
        found = self.library.find(query, targets, without=asked)
        best = max((ranked[0] for ranked in found.values() if ranked), key=lambda hit: hit.f1, default=None)
        shown = best.entry.id if best else ""
        utterance, trial = self.library.utterances.get(asked), None if text else self.library.trial
        answers = [view.VarietyHits(code, ranked, SHOWN, utterance, trial) for code, ranked in found.items()]
        return view.hits(query, answers, utterance, shown), shown

    def draw(self, recording: str | None, shown: str) -> str:
        """The query and the hit ``shown``, frame by frame; nothing where there is none, or are no frames."""
        if not (recording and shown and self.library.encoder.frame_rate):
            return ""
        encoder, utterance = self.library.encoder, self.library.utterances[shown]
        found = self.library.compare(self.library.hear(recording), utterance)
        title = f"query to {utterance.variety}, {encoder.layer}: SeqSim {decimals(found.f1, 3)}"
        return view.picture(found, encoder.frame_rate, title)


def examples(library: Library) -> list[Utterance]:
    """Utterances of each variety, evenly from all of it: how the encoder does on them has no part in the choice."""
    varieties = library.varieties.values()
    total = max(1, EXAMPLES // len(varieties)) * len(varieties)
    chosen = {}
    for turn in range(total):
        members = list(varieties)[turn % len(varieties)]
        utterance = members[(2 * turn + 1) * len(members) // (2 * total)]
        chosen[utterance.id] = utterance
    return list(chosen.values())
