"""Matrices of groups, for papers and programs: ``<set>.groups.{md,tsv,json,tex}`` for every scored set.

Conventions
- A cell is the mean over the ordered pairs of varieties of two groups by SeqSim, as `measure.retrieval` defines it:
  rows are spoken, columns are searched in. There is a matrix for each of `METRICS`, of the layer that the report
  shows; of every layer where it shows none.
- Cells ``across`` two groups are those of the published protocol; a cell ``within`` one is our extension: in
  parentheses in Markdown and LaTeX, a field in TSV and JSON. A group of one variety has no such cell.
- The macro mean is over the cells across groups, each with equal weight, however many pairs it has.
- Groups stand in the order of the table of varieties, unknown ones last by code point, as in the report.
- Markdown and LaTeX have percent with one decimal. TSV and JSON have fractions, and the median rank as it is.
- TSV: a row a cell; the last row of a layer, from all to all, is the macro mean. JSON: `matrices`.
- LaTeX is to be ``\\input`` where ``booktabs`` is loaded; other than Latin letters in names need XeLaTeX or LuaLaTeX.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean

from fangyan.errors import DataError
from fangyan.features.layers import layer_name
from fangyan.files import write_json, write_text
from fangyan.measure.pronunciation_control import ALL
from fangyan.measure.retrieval.tables import Group
from fangyan.measure.selection import Mean, by_layer
from fangyan.report.read.results import Results
from fangyan.report.render.tables import Table, escape, markdown, queries
from fangyan.report.sections.breakdown import group_order
from fangyan.rounding import NONE, percent
from fangyan.tables import write_rows

METRICS = {
    "recall_at_1": "R@1 (%)",
    "recall_at_5": "R@5 (%)",
    "recall_at_10": "R@10 (%)",
    "mrr": "MRR (%)",
    "median_rank": "Median rank",
    "chance": "Chance of R@1 (%)",
}


@dataclass(frozen=True)
class GroupScores:
    """The cells of a layer on a set, and the mean over its ordered pairs of varieties."""

    set: str
    name: str
    cells: dict[tuple[str, str], Group]  # by source and target
    mean: Mean

    @property
    def groups(self) -> list[str]:
        """The groups in their order."""
        return sorted({group for pair in self.cells for group in pair}, key=group_order)

    @property
    def across(self) -> list[Group]:
        """The cells of the published protocol."""
        return [cell for cell in self.cells.values() if cell.cell == "across"]

    def macro_mean(self, metric: str) -> float | None:
        """The mean of a metric over the cells across groups; None where there are none."""
        return fmean(getattr(cell, metric) for cell in self.across) if self.across else None

    def matrix(self, field: str) -> list[list]:
        """A field of every cell, rows by source, columns by target; None where there is no cell."""
        found = [[self.cells.get((source, target)) for target in self.groups] for source in self.groups]
        return [[getattr(cell, field) if cell else None for cell in row] for row in found]


def write(experiment: Results, folder: Path) -> None:
    """``folder/<set>.groups.{md,tsv,json,tex}`` for each set of the encoder that was scored by group.

    `DataError` where the groups of a set lack a layer that its pairs have.
    """
    for name in experiment.encoder.seqsim.keys() & experiment.encoder.groups.keys():
        found = layers(experiment, name)
        tables = [[table(experiment, layer, metric) for metric in METRICS] for layer in found]
        # LaTeX holds back some 50 floats: of many layers, those of each get pages of their own.
        pages = "\n\\clearpage\n\n".join("\n".join(map(latex, of_layer)) for of_layer in tables)
        write_text(folder / f"{name}.groups.md", _markdown(name, chain(*tables)))
        write_text(folder / f"{name}.groups.tex", pages)
        write_rows(folder / f"{name}.groups.tsv", chain.from_iterable(map(_rows, found)), Group)
        write_json(folder / f"{name}.groups.json", matrices(experiment, found))


def layers(experiment: Results, name: str) -> list[GroupScores]:
    """The chosen layer on set ``name``; every layer, shallow first, where none was chosen."""
    encoder, found = experiment.encoder, []
    means = by_layer(encoder.seqsim[name])
    for layer in [encoder.layer] if encoder.layer else means:
        cells = {(g.source_group, g.target_group): g for g in encoder.groups[name] if g.layer == layer}
        if not cells:
            raise DataError(
                f"{name}/groups.tsv: has the layers of pairs.tsv, got none of {layer}: score it again"
            )
        found.append(GroupScores(name, layer, cells, means[layer]))
    return found


def table(experiment: Results, layer: GroupScores, metric: str) -> Table:
    """One metric of a layer: a row a source group, a column a target group."""
    chosen = experiment.choice if experiment.encoder.layer else "not chosen"
    caption = (
        f"{METRICS[metric]} on {layer.set} by SeqSim, {layer_name(layer.name)} ({chosen}), encoder {experiment.tag}: "
        "mean over the ordered pairs of varieties of two groups, rows spoken, columns searched in. "
        f"N = {queries(layer.mean)} queries of each of {layer.mean.pairs:,} ordered pairs, "
        f"chance {percent(layer.mean.chance)} %."
    )
    if layer.across:
        caption += (
            f" The {len(layer.across):,} cells across groups (the protocol of Chang et al. 2026) have a mean of "
            f"{_text(metric, layer.macro_mean(metric))}."
        )
    if len(layer.across) < len(layer.cells):
        caption += " In parentheses: within a group, our extension."
    values = [[_text(metric, value) for value in row] for row in layer.matrix(metric)]
    rows = tuple(
        (source, *(f"({value})" if cell == "within" else value for value, cell in zip(*row, strict=True)))
        for source, *row in zip(layer.groups, values, layer.matrix("cell"), strict=True)
    )
    title = f"{METRICS[metric]}, {layer.name}"
    return Table(title, caption, ("source / target", *layer.groups), rows)


def matrices(experiment: Results, found: Sequence[GroupScores]) -> dict:
    """What the JSON file holds: an entry a layer, in it lists of rows for each metric, null where there is no cell.

    ``cell``: across or within; ``pairs``: how many ordered pairs of varieties a cell is the mean of; ``queries``: of
    the smallest and the largest pair; ``macro_mean``: over the cells across groups.
    """
    return {
        "encoder": experiment.tag,
        "set": found[0].set,
        "score": "seqsim",
        "chosen_on": _chosen_on(experiment),
        "layers": [
            {"layer": layer.name, "queries": [layer.mean.fewest, layer.mean.most], "groups": layer.groups}
            | {field: layer.matrix(field) for field in ("cell", "pairs", *METRICS)}
            | {"macro_mean": {metric: layer.macro_mean(metric) for metric in METRICS}}
            for layer in found
        ],
    }


def _chosen_on(experiment: Results) -> str | None:
    """What chose the layer: a set, or folds; None where nothing did."""
    if experiment.encoder.folded:
        return "folds"
    return experiment.dev if experiment.chosen else None


def latex(table: Table) -> str:
    """``table`` as a LaTeX float that needs ``booktabs``; nothing in its words is markup."""
    columns = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    header, *rows = (" & ".join(map(escape_latex, row)) + r" \\" for row in (table.header, *table.rows))
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        *(r"\toprule", header, r"\midrule", *rows, r"\bottomrule"),
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "".join(f"{line}\n" for line in lines)


def escape_latex(text: str) -> str:
    """``text`` as plain words in LaTeX: nothing in it is markup."""
    return text.translate(_LATEX)


_LATEX = str.maketrans(
    {mark: f"\\{mark}" for mark in "&%$#_{}"}
    | {mark: f"{{{mark}}}" for mark in "[]*"}  # after \\ at the end of a row they would be its options
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", NONE: "--", "\n": " "}
)


def _markdown(name: str, tables: Iterable[Table]) -> str:
    parts = [f"# Groups on {escape(name)}\n"]
    parts += (f"## {escape(t.title)}\n\n{markdown(t)}\n\n{escape(t.caption)}\n" for t in tables)
    return "\n".join(parts)


def _rows(layer: GroupScores) -> list[Group]:
    """The cells in the order of the matrix, and their macro mean (if there is one)."""
    cells = [layer.cells[a, b] for a in layer.groups for b in layer.groups if (a, b) in layer.cells]
    pairs = sum(cell.pairs for cell in layer.across)
    means = {metric: layer.macro_mean(metric) for metric in METRICS}
    return [*cells, Group(layer.name, ALL, ALL, "across", pairs, **means)] if layer.across else cells


def _text(metric: str, value: float | None) -> str:
    """Percent, but for the median rank; one decimal."""
    return percent(value / 100 if metric == "median_rank" and value is not None else value)
