"""What a report says, in which order.

What an experiment lacks is replaced by one sentence that says so and how to get it.
"""

from collections.abc import Callable, Iterator

from fangyan.features.layers import layer_name
from fangyan.measure.folds import Folds
from fangyan.measure.selection import by_layer
from fangyan.report.read.results import Results
from fangyan.report.render import curves, figures, tables
from fangyan.report.render.blocks import Block, Code, Hero, Picture, Section, picture_name, scored_sets
from fangyan.report.render.tables import chosen_mean, describe_basis
from fangyan.report.sections import (
    breakdown,
    cer,
    explain,
    probes,
    pronunciation_control,
    space,
    speech_and_text,
    unit_texts,
    word_test,
)
from fangyan.rounding import decimals, group_digits, percent
from fangyan.training.history import measures


def heroes(experiment: Results) -> list[Hero]:
    """Mean R@1 of the chosen layer on every test set that has scores, with N, chance and CER."""
    found = []
    for name in experiment.tests:
        mean = chosen_mean(experiment.encoder, name)
        if mean:
            line = (
                f"mean R@1 on {name}: how often the most similar utterance of another variety is the "
                f"translation. At {layer_name(experiment.encoder.layers)}, {experiment.choice}; {describe_basis(mean)}."
            )
            if interval := tables.bracket(experiment, name, experiment.encoder.layers):
                line += f" 95 % interval{interval.replace('(', '').replace(')', '')} %."
            if name in experiment.cer:
                line += f" CER {tables.total_cer(experiment, name)} %."
            found.append(Hero(percent(mean.recall_at_1), "%", line))
    return found


def remarks(experiment: Results) -> list[str]:
    """What a reader of the headline must know about missing parts, and what a joint space has beside it."""
    said = []
    if not experiment.encoder.seqsim:
        said.append("Retrieval was not scored: run the stages dump and measure.")
    elif experiment.encoder.folded:
        said += _by_folds(experiment.encoder.folded.folds)
    elif not experiment.chosen:
        said += _unchosen(experiment)
    missing = [name for name in experiment.tests if name not in experiment.encoder.seqsim]
    if experiment.encoder.seqsim and missing:
        said.append(f"Not scored: {', '.join(missing)}.")
    return [*said, *_kinds(experiment), *speech_and_text.remarks(experiment)]


def _kinds(experiment: Results) -> Iterator[str]:
    """The scores behind means over pairs of several kinds, as of speech and text."""
    for name, kinds in experiment.kinds.items():
        if len(kinds) > 1 and (layer := experiment.encoder.layer):
            means = {kind: by_layer(pairs)[layer].recall_at_1 for kind, pairs in kinds.items()}
            each = ", ".join(f"{kind} {percent(mean)} %" for kind, mean in means.items())
            yield f"Means on {name} are over pairs of {len(kinds)} kinds, whose R@1 at {layer_name(layer)} is: {each}."


def _unchosen(experiment: Results) -> Iterator[str]:
    """What the rest of the report shows where no layer was chosen, and how to have one chosen."""
    layer = experiment.encoder.layer
    if len({pair.layer for pairs in experiment.encoder.seqsim.values() for pair in pairs}) == 1:
        return
    yield "No development set was scored, so every layer is shown."
    if layer:
        yield f"The rest of the report is of the layer {experiment.choice}: {layer}."
    yield "To have a layer chosen: a development set (--dev_set), or --choose_layer folds."


def _by_folds(folds: Folds) -> Iterator[str]:
    """What each half of the sentences chose, and what that is worth on the other."""
    first, second = folds.halves
    yield (
        f"The layer was chosen by folds, on one half of the sentences for the other: {first.sentences:,} sentences "
        f"chose {first.layer}, which has R@1 {percent(first.recall_at_1)} % on the other {second.sentences:,}; these "
        f"chose {second.layer}, which has {percent(second.recall_at_1)} % on the first."
    )
    if first.layer != second.layer:
        yield f"What is shown of one layer below is of {first.layer}, so its means differ a little from the result."


def parts() -> dict[str, Callable[[Results], Iterator[Block]]]:
    """What a report may have below its headline, in order: titles, and what gives the blocks of each."""
    return {
        "Systems compared": _systems,
        "Layer by layer": _layers,
        "Variety by variety": _varieties,
        "Sentence by sentence": _sentences,
        "Hits and misses": explain.blocks,
        "Meaning or sound": _meaning,
        "Speech and text": speech_and_text.blocks,
        "Texts as units": unit_texts.blocks,
        "The joint space": space.blocks,
        "What layers know": probes.blocks,
        "Character error rate": cer.blocks,
        "Training": _training,
        "The run": _run,
        "How it is measured": _method,
    }


def sections(experiment: Results) -> list[Section]:
    """The sections below the headline, but for those without anything to say."""
    found = {title: tuple(part(experiment)) for title, part in parts().items()}
    return [Section(title, blocks) for title, blocks in found.items() if blocks]


def _systems(experiment: Results) -> Iterator[Block]:
    if not experiment.baselines:
        yield "No baselines were scored."
        return
    systems = (experiment.encoder, *experiment.baselines)
    for name in experiment.tests:
        missing = [system.name for system in systems if name not in system.seqsim]
        if len(missing) < len(systems):
            yield tables.compare_systems(experiment, name)
        if missing:
            yield f"Not scored on {name}: {', '.join(missing)}."
    unchosen = [system.name for system in experiment.baselines if system.layer is None]
    if unchosen and experiment.encoder.layer:
        yield f"Not scored on {experiment.dev}, so without a chosen layer: {', '.join(unchosen)}."


def _layers(experiment: Results) -> Iterator[Block]:
    for name in scored_sets(experiment, experiment.tests):
        yield _layer_curve(experiment, name)
    for name in scored_sets(experiment, (*experiment.tests, experiment.dev)):
        yield tables.layers(experiment, name)
    if not experiment.encoder.seqsim:
        yield "No layer was scored."
    elif not experiment.encoder.pooled:
        yield "Mean-pooled vectors were not scored."


def _layer_curve(experiment: Results, name: str) -> Picture:
    means = by_layer(experiment.encoder.seqsim[name])
    values = ", ".join(f"{layer} {percent(mean.recall_at_1)}" for layer, mean in means.items())
    basis = describe_basis(next(iter(means.values())))
    caption = f"Mean R@1 on {name} from the shallowest to the deepest layer; {basis}."
    if experiment.encoder.layer:
        caption += f" Ring: the layer {experiment.choice}."
    if experiment.baselines:
        caption += " Grey: baselines."
    clusters = {row.clusters: None for row in experiment.intervals.get(name, {}).values()}
    if clusters:
        caption += f" Vertical bars: 95 % intervals, bootstrap over {group_digits(' and '.join(clusters))}."
    alt = f"Line chart of mean R@1 by layer on {name}, SeqSim, in percent: {values}."
    return Picture(picture_name("layers", experiment, name), curves.layers(experiment, name), alt, caption)


def _varieties(experiment: Results) -> Iterator[Block]:
    if experiment.encoder.layer is None:
        yield f"No layer was selected, so no matrix is shown; every layer and pair: {_files(experiment, 'pairs.tsv')}."
        return
    for name in scored_sets(experiment, experiment.tests):
        yield from breakdown.varieties(experiment, name)
    for name in filter(experiment.encoder.groups.get, (*experiment.tests, experiment.dev)):
        files = ", ".join(f"tables/{name}.groups.{form}" for form in ("md", "tsv", "json", "tex"))
        yield f"All metrics on {name} by group, for papers and programs: {files}."


def _files(experiment: Results, name: str) -> str:
    """The paths of a table of retrieval on all scored sets."""
    return ", ".join(f"retrieval/{of}/{name}" for of in experiment.encoder.seqsim) or f"retrieval/*/{name}"


def _sentences(experiment: Results) -> Iterator[Block]:
    if experiment.encoder.layer is None:
        yield f"No layer was selected, so sentences are not compared; every query: {_files(experiment, 'ranks.tsv')}."
        return
    for name in experiment.sentences:
        yield breakdown.sentences(experiment, name)
    missing = [name for name in scored_sets(experiment, experiment.tests) if name not in experiment.sentences]
    if missing:
        yield f"No ranks of single queries were found on {', '.join(missing)}: run the stage measure again."


def _meaning(experiment: Results) -> Iterator[Block]:
    yield from pronunciation_control.blocks(experiment)
    yield from word_test.blocks(experiment)


def _training(experiment: Results) -> Iterator[Block]:
    if not experiment.history:
        yield "There is no training history."
        return
    last = experiment.history[-1].values
    measured = {name: last.get(f"valid_{name}") for name in measures(experiment.history)}
    ends = ", ".join(_measured(*of) for of in measured.items() if of[1] is not None) or "nothing measured"
    caption = f"{len(experiment.history):,} epochs. On the development set, the last one ends at: {ends}."
    further = "".join(f", {name}" for name in measured if name not in figures.SHARED)
    alt = f"Line charts of loss, accuracy and character error rate{further} by epoch. {caption}"
    yield Picture("training", figures.training(experiment.history), alt, caption)


_RATES = {"acc": "accuracy (%)", "cer_ctc": "CER by CTC (%)"}


def _measured(name: str, value: float) -> str:
    """A measure of an epoch with its name; what is in no unit of its own with as many digits as it needs."""
    if name in _RATES:
        return f"{_RATES[name]} {percent(value)}"
    return f"{name} {decimals(value, 1)}" if name == "loss" else f"{name} {value:.3g}"


def _run(experiment: Results) -> Iterator[Block]:
    yield tables.run_facts(experiment)
    yield tables.stage_times(experiment.seconds) if experiment.seconds else "Wall times were not recorded."
    if experiment.command:
        yield "The command that gives these numbers again, in the folder of the recipe:"
        yield Code(experiment.command)
    else:
        yield "The command line was not recorded."


def _method(experiment: Results) -> Iterator[Block]:
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
