"""The section on the joint space: a picture of where utterances and texts of some sentences lie."""

from collections.abc import Iterator

from fangyan.report.read.results import Results
from fangyan.report.render import space
from fangyan.report.render.blocks import Block, Picture, picture_name
from fangyan.report.render.tables import label
from fangyan.rounding import percent


def blocks(experiment: Results) -> Iterator[Block]:
    """The pictures of a joint space; or that they are lacking. That of texts as units is shown beside these."""
    if not experiment.joint.unit_texts:
        yield from pictures(experiment)
    if experiment.taught and not experiment.spaces:
        yield "No texts were encoded by the text side, so the joint space is not shown: run the stage measure."


def pictures(experiment: Results) -> Iterator[Picture]:
    """A picture for each test set whose utterances and texts were encoded."""
    for name, found in experiment.spaces.items():
        said = "; ".join(f"{n} {text or key}" for n, (key, text) in enumerate(found.sentences.items(), 1))
        spoken = ", ".join(label(variety) for variety in found.utterances)
        caption = (
            f"Utterances ({spoken}) and texts of the first {len(found.sentences)} sentences of {name}, each utterance "
            f"joined to its text: {said}. Two principal components, with {percent(found.kept)} % of the variance: "
            "what is near here need not be near in all dimensions."
        )
        alt = f"Scatter plot of utterances and texts in {found.title}. {caption}"
        yield Picture(picture_name("space", experiment, name), space.draw(found, name), alt, caption)
