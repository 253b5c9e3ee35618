"""The section "Hits and misses": frame by frame, why a query found its translation, and why it found something else."""

from collections.abc import Iterator
from pathlib import Path

from fangyan.report.read.explain import Explanation
from fangyan.report.read.results import Results
from fangyan.report.render.blocks import Block, Image, Recording, picture_name
from fangyan.report.render.tables import label
from fangyan.rounding import decimals

SHOWN = 2
"""So many pictures of hits are shown, and so many of misses, which have two each: what won and what should have."""

MOST = 3
"""So many characters are named."""

SIDES = {"query": "precision", "target": "recall"}


def blocks(experiment: Results) -> Iterator[Block]:
    """The most telling hits and misses of every test set that has some; nothing where none were explained."""
    if experiment.explanations:
        yield _reading(any(e.characters for found in experiment.explanations.values() for e in found))
    for name, found in experiment.explanations.items():
        hits, misses = ([e for e in found if e.answer.kind == kind] for kind in ("hit", "miss"))
        for explanation in hits[:SHOWN] + misses[:SHOWN]:
            yield _image(experiment, name, explanation)
        yield f"All {len(found):,} pictures of {name}, with tables of frames and characters: explain/{name}/."
        if terms := found[0].terms:
            yield f"Licence of the recordings: {terms}."


def _reading(characters: bool) -> str:
    """How the pictures are read, with characters on the axes or without."""
    what = "character" if characters else "frame"
    how = (
        "The surest right answers and the surest wrong ones, each of another ordered pair of varieties. Colour: the "
        "cosine of each frame of the query (downwards) with each of the target (to the right). Dots and crosses: the "
        f"best matches, whose means are precision and recall. Bars: what each {what} contributes to them."
    )
    if not characters:
        return f"{how} No characters were found in any of them, so axes are in seconds."
    return f"{how} The frames of a character are those nearest to where CTC writes it, not always where it is spoken."


def _image(experiment: Results, name: str, found: Explanation) -> Image:
    answer = found.answer
    said = _OUTCOMES[answer.kind, answer.answer].format(
        query=answer.query,
        candidate=answer.candidate,
        score=decimals(answer.score, 3),
        lead=decimals(abs(answer.margin), 3),
    )
    most = [
        f"{score}: {contributors}" for side, score in SIDES.items() if (contributors := _most(found, side))
    ]
    caption = f"{said} Most to {'; to '.join(most)}." if most else said
    alt = f"Cosines of all frames of {answer.query} with all frames of {answer.candidate}, and their best matches."
    recordings = tuple(
        recording
        for side, key in zip(SIDES, (answer.query, answer.candidate), strict=True)
        if (recording := _recording(found, side, key))
    )
    return Image(picture_name(answer.folder, experiment, name), found.image, alt, caption, recordings)


_OUTCOMES = {
    ("hit", "right"): (
        "Hit: {query} finds its translation {candidate}. SeqSim {score}, {lead} ahead of the best wrong one."
    ),
    ("miss", "wrong"): "Miss: {query} finds {candidate}. SeqSim {score}, {lead} ahead of its translation.",
    ("miss", "right"): "The same query {query} with its translation {candidate}. SeqSim {score}.",
}


def _recording(found: Explanation, side: str, key: str) -> Recording | None:
    """A side in the variety's own words and in Mandarin; where the data is unknown, as the model is to write it."""
    utterance = found.utterances.get(key)
    if utterance is None:
        text = "".join(char.character for char in found.characters if char.side == side)
        return Recording(side, key, text) if text else None
    words = utterance.text or utterance.text_cmn
    mandarin = utterance.text_cmn if utterance.text_cmn != words else ""
    file = Path(utterance.wav) if found.terms else None
    return Recording(side, label(utterance.variety), words, mandarin, file)


def _most(found: Explanation, side: str) -> str:
    """The characters that contribute most."""
    of_side = [char for char in found.characters if char.side == side]
    of_side.sort(key=lambda char: -char.contribution)
    return ", ".join(f"{char.character} {decimals(char.contribution, 2)}" for char in of_side[:MOST])
