"""What a report says, in which order; Markdown and HTML are two renderings of it.

What an experiment lacks is replaced by one sentence that says so and how to get it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from matplotlib.figure import Figure

from fangyan.report import figures, sound, tables
from fangyan.report.results import Experiment, by_layer
from fangyan.report.tables import Table, basis, chosen, percent


@dataclass(frozen=True)
class Picture:
    """A figure: ``name``.png in ``images/``; on the page too, unless a coloured table there says the same."""

    name: str
    figure: Figure
    alt: str
    caption: str
    on_page: bool = True
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Code:
    """Lines to be copied into a terminal."""

    text: str
    kind: ClassVar[str] = "code"


Block = str | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Hero:
    """The one number of a test set, and the sentence that gives it a meaning."""

    value: str
    unit: str
    line: str


def heroes(experiment: Experiment) -> list[Hero]:
    """Mean R@1 of the chosen layer on every test set that has scores, with N, chance and CER."""
    found = []
    for name in experiment.tests:
        mean = chosen(experiment.encoder, name)
        if mean:
            line = (
                f"mean R@1 on {name}: how often the most similar utterance of another variety is the "
                f"translation. Layer {experiment.encoder.layer}, chosen on {experiment.dev}; {basis(mean)}."
            )
            if name in experiment.cer:
                line += f" CER {tables.total_cer(experiment, name)} %."
            found.append(Hero(percent(mean.recall_at_1), "%", line))
    return found


def remarks(experiment: Experiment) -> list[str]:
    """What a reader of the headline must know about missing parts."""
    said = []
    if not experiment.encoder.seqsim:
        said.append("Retrieval was not scored: run the stages dump and retrieve.")
    elif experiment.encoder.layer is None:
        said.append("No layer was selected, because no development set was scored: all layers are shown.")
    missing = [name for name in experiment.tests if name not in experiment.encoder.seqsim]
    if experiment.encoder.seqsim and missing:
        said.append(f"Not scored: {', '.join(missing)}.")
    return said


def sections(experiment: Experiment) -> list[Section]:
    """The sections below the headline, in order."""
    parts = {
        "Systems compared": _systems,
        "Layer by layer": _layers,
        "Variety by variety": _varieties,
        "Meaning or sound": _sound,
        "Character error rate": _errors,
        "Training": _training,
        "The run": _run,
        "How it is measured": _method,
    }
    return [Section(title, tuple(part(experiment))) for title, part in parts.items()]


def _scored(experiment: Experiment, sets: tuple[str, ...]) -> list[str]:
    return [name for name in sets if name in experiment.encoder.seqsim]


def _systems(experiment: Experiment) -> Iterator[Block]:
    if not experiment.baselines:
        yield "No baselines were scored."
        return
    systems = (experiment.encoder, *experiment.baselines)
    for name in experiment.tests:
        missing = [system.name for system in systems if name not in system.seqsim]
        if len(missing) < len(systems):
            yield tables.comparison(experiment, name)
        if missing:
            yield f"Not scored on {name}: {', '.join(missing)}."
    unchosen = [system.name for system in experiment.baselines if system.layer is None]
    if unchosen and experiment.encoder.layer:
        yield f"Not scored on {experiment.dev}, so without a chosen layer: {', '.join(unchosen)}."


def _layers(experiment: Experiment) -> Iterator[Block]:
    for name in _scored(experiment, experiment.tests):
        yield _layer_curve(experiment, name)
    for name in _scored(experiment, (experiment.dev, *experiment.tests)):
        yield tables.layers(experiment, name)
    if not experiment.encoder.seqsim:
        yield "No layer was scored."
    elif not experiment.encoder.pooled:
        yield "Mean-pooled vectors were not scored."


def _layer_curve(experiment: Experiment, name: str) -> Picture:
    means = by_layer(experiment.encoder.seqsim[name])
    values = ", ".join(f"{layer} {percent(mean.recall_at_1)}" for layer, mean in means.items())
    caption = (
        f"Mean R@1 on {name} from the shallowest to the deepest layer; {basis(next(iter(means.values())))}."
    )
    if experiment.encoder.layer:
        caption += f" Ring: the layer chosen on {experiment.dev}."
    if experiment.baselines:
        caption += " Grey: baselines."
    alt = f"Line chart of mean R@1 by layer on {name}, SeqSim, in percent: {values}."
    return Picture(_file("layers", experiment, name), figures.layers(experiment, name), alt, caption)


def _varieties(experiment: Experiment) -> Iterator[Block]:
    if experiment.encoder.layer is None:
        yield "No layer was selected, so no matrix is shown; retrieval/*/pairs.tsv has every layer and pair."
        return
    for name in _scored(experiment, experiment.tests):
        matrix = tables.matrix(experiment, name)
        yield matrix
        alt = f"Heat map of R@1 from each variety to each other on {name}; the numbers are in the table."
        image = figures.heatmap(matrix)
        yield Picture(_file("heatmap", experiment, name), image, alt, _SHADES, on_page=False)
        grouped = tables.groups(experiment, name)
        if len(grouped.rows) > 1 and len(grouped.rows) < len(matrix.rows):
            yield grouped


def _sound(experiment: Experiment) -> Iterator[Block]:
    if experiment.control:
        yield sound.definition(experiment.control.values())
    for name in experiment.control:
        yield sound.verdict(experiment, name)
        yield _layer_bars(experiment, name)
        if experiment.encoder.layer:
            yield _distance_bars(experiment, name)
            yield sound.pairs(experiment, name)
        yield sound.layers(experiment, name)
    missing = [name for name in experiment.tests if name not in experiment.control]
    if missing:
        yield f"No IPA (utt2ipa) was compared on {', '.join(missing)}, so sound is not controlled for there."


def _layer_bars(experiment: Experiment, name: str) -> Picture:
    rows = experiment.control[name].pooled
    values = ", ".join(
        f"{layer} {percent(row.recall_at_1)} and {percent(row.recall_at_1_controlled)}"
        for layer, row in rows.items()
    )
    row = next(iter(rows.values()))
    caption = (
        f"R@1 on {name} by layer: all {row.n} queries, and the {row.n_controlled} controlled ones, on which sound "
        "alone has 0."
    )
    alt = f"Bar chart of R@1 by layer on {name}, all queries and the controlled ones, in percent: {values}."
    return Picture(_file("control", experiment, name), figures.control(rows, name), alt, caption)


def _distance_bars(experiment: Experiment, name: str) -> Picture:
    rows = experiment.control[name].bins
    values = ", ".join(f"{row.low:.2f} to {row.high:.2f} {percent(row.recall_at_1)}" for row in rows)
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    caption = (
        f"R@1 on {name}, layer {experiment.encoder.layer}: the queries of all pairs, nearest in sound to their "
        f"translation first, in {len(rows)} bins of {fewest if fewest == most else f'{fewest}-{most}'} queries."
    )
    alt = f"Bar chart of R@1 by phonetic distance on {name}, in percent: {values}."
    return Picture(_file("bins", experiment, name), figures.bins(rows, name), alt, caption)


def _errors(experiment: Experiment) -> Iterator[Block]:
    for name in (experiment.dev, *experiment.tests):
        if name in experiment.cer:
            yield tables.cer(experiment, name)
    if not experiment.cer:
        yield "Nothing was decoded: only an encoder was scored, or the stages decode and score have not run."


def _training(experiment: Experiment) -> Iterator[Block]:
    if not experiment.history:
        yield "There is no training history."
        return
    last = experiment.history[-1]
    measured = {"loss": last.valid_loss, "accuracy (%)": last.valid_acc, "CER by CTC (%)": last.valid_cer_ctc}
    rates = {
        name: 100 * value if "%" in name else value for name, value in measured.items() if value is not None
    }
    ends = ", ".join(f"{name} {value:.1f}" for name, value in rates.items()) or "nothing measured"
    caption = f"{len(experiment.history)} epochs. On the development set, the last one ends at: {ends}."
    alt = f"Line charts of loss, accuracy and character error rate by epoch. {caption}"
    yield Picture("training", figures.training(experiment.history), alt, caption)


def _run(experiment: Experiment) -> Iterator[Block]:
    yield tables.facts(experiment.train)
    yield tables.stages(experiment.seconds) if experiment.seconds else "Wall times were not recorded."
    if experiment.command:
        yield "The command that gives these numbers again, in the folder of the recipe:"
        yield Code(experiment.command)
    else:
        yield "The command line was not recorded."


def _method(experiment: Experiment) -> Iterator[Block]:
    yield (
        "Retrieval: for an ordered pair of varieties, every utterance of the source variety is a query and "
        "the utterances of the target variety are ranked by similarity. R@1 (R@5): the share of queries "
        "whose translation is first (among the first five); MRR: the mean of 1/rank. Ties count against "
        "the encoder. Chance is the R@1 of a random ranking."
    )
    yield (
        "SeqSim: the cosine of every frame of one utterance with every frame of the other; precision and "
        "recall are the means of each frame's best match, and their F1 is the similarity. Mean-pooled: the "
        "cosine of the two mean frames."
    )
    yield (
        "Choice of a layer: the highest mean R@1 (SeqSim) on the development set; ties go to the higher mean "
        "MRR, then to the shallower layer. Mean-pooled scores are read off at the same layer."
    )


_SHADES = "R@1 as a colour, white at 0 and dark at 100 %; the line on the scale is chance."


def _file(kind: str, experiment: Experiment, name: str) -> str:
    return kind if name == experiment.tests[0] else f"{kind}_{name}"
