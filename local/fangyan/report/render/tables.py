"""The tables of a report: strings in rows, ready for Markdown and HTML; scores in percent, one decimal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fangyan.data.varieties import varieties
from fangyan.measure.selection import Mean, by_layer
from fangyan.recognition.cer import ALL_VARIETIES
from fangyan.registry import ASR
from fangyan.report.read.results import Results
from fangyan.report.read.systems import System
from fangyan.rounding import NONE, decimals, group_digits, percent
from fangyan.terminal import pad
from fangyan.terminal import width as columns_of

GAP = "⋮"
"""The first cell of a row that stands for those left out."""

CONTRAST = 0.65
"""Above this fraction a heat map is so strongly coloured that its numbers take the colour of the paper."""


@dataclass(frozen=True)
class Table:
    """A table; the first ``text_columns`` columns hold words, the others numbers."""

    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    marked: frozenset[int] = frozenset()  # rows in bold
    heat: tuple[
        tuple[float | None, ...], ...
    ] = ()  # fraction behind every number, if they are to be coloured
    chance: float = 0.0
    extension: frozenset[tuple[int, int]] = frozenset()  # coloured cells that a published protocol lacks
    kind: ClassVar[str] = "table"


def ends(rows: Sequence[tuple[str, ...]], shown: int) -> tuple[tuple[str, ...], ...]:
    """The first and the last so many ``rows``; between them one that says how many are left out."""
    left_out = len(rows) - 2 * shown
    if left_out < 1:
        return tuple(rows)
    gap = (GAP, f"{left_out:,} other{'s' * (left_out > 1)}", *[""] * (len(rows[0]) - 2))
    return (*rows[:shown], gap, *rows[-shown:])


def bracket(experiment: Results, name: str, layer: str | None) -> str:
    """`` (86.1–93.0)``, the 95 % interval of the mean R@1 of a layer on set ``name``; nothing where there is none."""
    found = experiment.intervals.get(name, {}).get(layer or "")
    return f" ({percent(found.low)}–{percent(found.high)})" if found else ""


def brackets(experiment: Results, sets: Iterable[str]) -> str:
    """What the brackets of ``sets`` hold, as a sentence; nothing where there are none."""
    drawn = {row.clusters: None for name in sets for row in experiment.intervals.get(name, {}).values()}
    return (
        f" In brackets: 95 % intervals, bootstrap over {group_digits(' and '.join(drawn))}." if drawn else ""
    )


def queries(mean: Mean) -> str:
    """The number of queries of a pair: ``80``, or ``40-80`` where pairs differ."""
    return f"{mean.fewest:,}" if mean.fewest == mean.most else f"{mean.fewest:,}-{mean.most:,}"


def describe_basis(mean: Mean) -> str:
    """What a mean rests on, as a clause: pairs, queries, chance."""
    pairs = f"{mean.pairs:,} ordered pairs" if mean.pairs > 1 else "1 ordered pair"
    return f"{pairs} of varieties, {queries(mean)} queries each, chance {percent(mean.chance)} %"


def label(code: str) -> str:
    """``Mandarin (cmn)``; an unknown code stands for itself."""
    known = varieties().get(code)
    return f"{known.english} ({code})" if known else code


def sort_varieties(codes: Iterable[str]) -> list[str]:
    """Codes in the order of the table of varieties, unknown ones last by code point."""
    known = list(varieties())
    return sorted(set(codes), key=lambda code: (known.index(code) if code in known else len(known), code))


def markdown(table: Table) -> str:
    """``table`` as a GitHub table, padded so that it also reads well in a terminal, Chinese too."""
    bold = [
        [f"**{cell}**" if n in table.marked else cell for cell in row]
        for n, row in enumerate(_escaped(table.rows))
    ]
    grid = [*_escaped([table.header]), *bold]
    widths = [max(3, *map(columns_of, column)) for column in zip(*grid, strict=True)]
    words = [n < table.text_columns for n in range(len(widths))]
    rule = [
        "-" * width if word else "-" * (width - 1) + ":" for width, word in zip(widths, words, strict=True)
    ]
    lines = [
        [pad(cell, width, right=not word) for cell, width, word in zip(row, widths, words, strict=True)]
        for row in (grid[0], rule, *grid[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """``text`` as plain words in Markdown: nothing in it is markup."""
    for mark in "\\`*|[":
        text = text.replace(mark, "\\" + mark)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def headline(experiment: Results) -> Table:
    """One row a test set: the chosen layer's mean scores, CER, number of queries and chance."""
    rows = []
    for name in experiment.tests:
        mean = chosen_mean(experiment.encoder, name)
        layers = experiment.encoder.layers if mean else None
        recall, *others = _scores(mean)
        recall += bracket(experiment, name, layers)
        rows.append((name, layers or NONE, recall, *others, total_cer(experiment, name), *_basis_cells(mean)))
    header = ("test set", "layer", "R@1", "R@5", "MRR", "CER", "N", "chance")
    caption = (
        "Scores in percent; N: queries of an ordered pair of varieties; chance: R@1 of a random ranking."
    )
    if experiment.encoder.layer:
        caption += brackets(experiment, experiment.tests)
    return Table("Headline", caption, header, tuple(rows), text_columns=2)


def compare_systems(experiment: Results, name: str) -> Table:
    """One row a system on set ``name``: its layer's SeqSim and mean-pooled scores; no choice: all layers."""
    rows, marked = [], set()
    for system in (experiment.encoder, *experiment.baselines):
        seqsim, pooled = by_layer(system.seqsim.get(name, ())), by_layer(system.pooled.get(name, ()))
        if system.folded and seqsim:
            seqsim |= {system.layers: system.folded.seqsim[name]}
            pooled |= {system.layers: system.folded.pooled.get(name)}
        for layer in [system.layers] if seqsim.get(system.layers or "") else seqsim:
            if system is experiment.encoder and system.layer:
                marked.add(len(rows))
            scores = _both(seqsim[layer], pooled.get(layer))
            rows.append((system.name, layer, *scores, *_basis_cells(seqsim[layer])))
    header = ("system", "layer", *_BOTH, "N", "chance")
    which = "Every system with its own layer," if experiment.chosen else "Of this encoder the layer"
    caption = f"{name}, in percent. {which} {experiment.choice}."
    if experiment.encoder.layer is None:
        caption = f"{name}, in percent. No layer was selected, so every layer is shown."
    return Table(f"Systems on {name}", caption, header, tuple(rows), text_columns=2, marked=frozenset(marked))


def layers(experiment: Results, name: str) -> Table:
    """One row a layer on set ``name``: mean SeqSim and mean-pooled scores, side by side."""
    encoder = experiment.encoder
    seqsim, pooled = by_layer(encoder.seqsim[name]), by_layer(encoder.pooled.get(name, ()))
    rows = []
    for layer, mean in seqsim.items():
        recall, *others = _both(mean, pooled.get(layer))
        rows.append((layer, recall + bracket(experiment, name, layer), *others))
    chosen_on = f"Bold: the layer {experiment.choice}." if encoder.layer else "No layer was selected."
    caption = f"{name}, in percent: mean over {describe_basis(next(iter(seqsim.values())))}. {chosen_on}"
    caption += brackets(experiment, [name])
    marked = frozenset(n for n, layer in enumerate(seqsim) if layer == encoder.layer)
    return Table(f"Layers on {name}", caption, ("layer", *_BOTH), tuple(rows), marked=marked)


def stage_times(seconds: Mapping[str, float]) -> Table:
    """Wall time of every stage, reruns added up, and their sum."""
    rows = [(stage, duration(amount)) for stage, amount in seconds.items()]
    rows.append(("all", duration(sum(seconds.values()))))
    caption = "Wall time by stage; a stage that ran several times counts every run."
    return Table("Wall time", caption, ("stage", "time"), tuple(rows), marked=frozenset({len(rows) - 1}))


TARGETS = {"text": "text: the wording of the variety", "text_cmn": "text_cmn: the Mandarin wording"}


def run_facts(experiment: Results) -> Table:
    """When and where it was measured or trained, by which code and versions, and with what: as far as recorded."""
    train = experiment.train
    known: dict[str, Any] = {"measured on": experiment.measured, "commit": _commit(train.get("code") or {})}
    known |= {name: train.get(key) for name, key in _FACTS.items()}
    known["training task"] = train["task"] if train.get("task", ASR) != ASR else None
    if taught := experiment.taught:
        known["teacher"] = taught.teacher
        known["objectives"] = ", ".join(f"{name} {weight:g}" for name, weight in taught.objectives.items())
    known["target wording"] = TARGETS.get(str(train.get("target")), train.get("target"))
    known["parameters"] = f"{train['parameters']:,}" if isinstance(train.get("parameters"), int) else None
    known["training time"] = (
        duration(train["seconds"]) if isinstance(train.get("seconds"), int | float) else None
    )
    machine = train.get("machine") or {}
    known |= {
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        "memory (GiB)": machine.get("memory_gib"),
    }
    known |= {
        "GPU": (machine["gpu"] or "none") if "gpu" in machine else None,
        **(train.get("versions") or {}),
    }
    rows = tuple((name, str(value)) for name, value in known.items() if value not in (None, ""))
    trained = "parameters" in train or "seed" in train
    caption = (
        "What was trained, where, and with what." if trained else "Where it was measured, and with what."
    )
    return Table("Facts", caption, ("fact", "value"), rows, text_columns=2)


def _commit(code: Mapping[str, Any]) -> str:
    """``5f87b18a3c21``, and whether files differed from it; empty where git knew none."""
    return (
        f"{code['commit']:.12}{' with local changes' if code.get('dirty') else ''}"
        if code.get("commit")
        else ""
    )


def duration(seconds: float) -> str:
    """``3.2 s``, ``12 min 05 s`` or ``1 h 02 min``."""
    if seconds < 59.95:
        return f"{decimals(seconds, 1)} s"
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def chosen_mean(system: System, name: str) -> Mean | None:
    """The means of the system's own layer on set ``name``, or by folds; None if there is no such layer or set."""
    if system.folded:
        return system.folded.seqsim.get(name)
    return by_layer(system.seqsim.get(name, ())).get(system.layer or "")


def total_cer(experiment: Results, name: str) -> str:
    """CER over all varieties of set ``name`` in percent; a dash where it was not decoded."""
    return percent(
        next((row.cer for row in experiment.cer.get(name, ()) if row.variety == ALL_VARIETIES), None)
    )


_FACTS = {
    "threads": "threads",
    "training task": "task",
    "seed": "seed",
    "target wording": "target",
    "training set": "train_set",
    "development set": "dev_set",
}
_BOTH = ("SeqSim R@1", "pooled R@1", "SeqSim R@5", "pooled R@5", "SeqSim MRR", "pooled MRR")


def _scores(mean: Mean | None) -> tuple[str, str, str]:
    return (
        (percent(mean.recall_at_1), percent(mean.recall_at_5), percent(mean.mrr))
        if mean
        else (NONE, NONE, NONE)
    )


def _both(seqsim: Mean, pooled: Mean | None) -> tuple[str, ...]:
    return tuple(cell for pair in zip(_scores(seqsim), _scores(pooled), strict=True) for cell in pair)


def _basis_cells(mean: Mean | None) -> tuple[str, str]:
    return (queries(mean), percent(mean.chance)) if mean else (NONE, NONE)


def _escaped(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[escape(cell) for cell in row] for row in rows]
