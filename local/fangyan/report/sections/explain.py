"""The section "Hits and misses": frame by frame, why a query found its translation, and why it found something else."""

from collections.abc import Iterator

from fangyan.report.read.explain import Explanation
from fangyan.report.read.results import Results
from fangyan.report.render.blocks import Block, Image, picture_name

SHOWN = 2
"""So many pictures of hits are shown, and so many of misses, which have two each: what won and what should have."""

MOST = 3
"""So many characters are named."""

SIDES = {"query": "precision", "target": "recall"}


def blocks(experiment: Results) -> Iterator[Block]:
    """The most telling hits and misses of every test set that has some; nothing where none were explained."""
    if experiment.explanations:
        yield (
            "The surest right answers and the surest wrong ones, each of another ordered pair of varieties. Colour: "
            "the cosine of each frame of the query (downwards) with each of the target (to the right). Dots and "
            "crosses: the best matches, whose means are precision and recall. Bars: what each character contributes to "
            "them. The frames of a character are those nearest to where CTC writes it, not always where it is spoken."
        )
    for name, found in experiment.explanations.items():
        hits, misses = ([e for e in found if e.answer.kind == kind] for kind in ("hit", "miss"))
        for explanation in hits[:SHOWN] + misses[:SHOWN]:
            yield _image(experiment, name, explanation)
        yield f"All {len(found)} pictures of {name}, with tables of frames and characters: explain/{name}/."


def _image(experiment: Results, name: str, found: Explanation) -> Image:
    answer = found.answer
    said = _OUTCOMES[answer.kind, answer.answer].format(
        query=_utterance(found, "query", answer.query),
        candidate=_utterance(found, "target", answer.candidate),
        score=f"{answer.score:.3f}",
        lead=f"{abs(answer.margin):.3f}",
    )
    most = [
        f"{score}: {contributors}" for side, score in SIDES.items() if (contributors := _most(found, side))
    ]
    caption = f"{said} {'Most to ' + '; to '.join(most) + '.' if most else 'No characters were found in it.'}"
    alt = f"Cosines of all frames of {answer.query} with all frames of {answer.candidate}, and their best matches."
    return Image(picture_name(answer.folder, experiment, name), found.image, alt, caption)


_OUTCOMES = {
    ("hit", "right"): (
        "Hit: {query} finds its translation {candidate}. SeqSim {score}, {lead} ahead of the best wrong one."
    ),
    ("miss", "wrong"): "Miss: {query} finds {candidate}. SeqSim {score}, {lead} ahead of its translation.",
    ("miss", "right"): "The same query {query} with its translation {candidate}. SeqSim {score}.",
}


def _utterance(found: Explanation, side: str, key: str) -> str:
    """The id, and in brackets what the model is to write."""
    text = "".join(char.character for char in found.characters if char.side == side)
    return f"{key} ({text})" if text else key


def _most(found: Explanation, side: str) -> str:
    """The characters that contribute most."""
    of_side = [char for char in found.characters if char.side == side]
    of_side.sort(key=lambda char: -char.contribution)
    return ", ".join(f"{char.character} {char.contribution:.2f}" for char in of_side[:MOST])
