"""The tables of a survey as a page: sets, varieties, durations, what sets share, what looks wrong, how it sounds."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from fangyan.data_report.columns import OVERLAP
from fangyan.report.render.blocks import Hero, Picture, Section
from fangyan.report.render.figures import latin, legend
from fangyan.report.render.page import Page
from fangyan.report.render.tables import Table, label, sort_varieties
from fangyan.rounding import decimals, percent
from fangyan.style import ACCENT, INK, MUTED, STYLE

type Rows = Sequence[Mapping]

LOOKS = tuple((colour, line) for line in ("-", "--", ":") for colour in (ACCENT, INK, MUTED))
"""Of the lines of a figure, one a set."""


def page(found: Mapping[str, Rows], sounds: Mapping[str, Rows]) -> Page:
    """The page of the tables ``found`` by name, and of the rows of `sound.measure_set` by set, if any."""
    sets = found["sets"]
    parts = [varieties(found["varieties"]), durations(found["durations"])]
    parts += [overlap(found["overlap"])] * (len(found["sets"]) > 1)
    parts += [suspicious(found["suspicious"])]
    parts += [sound(sounds)] * bool(sounds)
    return Page(
        html="survey.html",
        title=f"Survey of {', '.join(row['set'] for row in sets)}",
        headline=headline(sets),
        heroes=[_hero(found)],
        remarks=list(_remarks(found)),
        sections=parts,
    )


def _hero(found: Mapping[str, Rows]) -> Hero:
    sets = found["sets"]
    utterances = sum(row["utterances"] for row in sets)
    codes = {row["variety"] for row in found["varieties"]}
    line = f"{utterances:,} utterances in {_count(len(sets), 'set')}, {_count(len(codes), 'variety', 'varieties')}"
    return Hero(decimals(sum(row["hours"] for row in sets), 2), "h", line)


def _remarks(found: Mapping[str, Rows]) -> Iterator[str]:
    for (a, b), rows in groupby(found["overlap"], key=lambda row: (row["a"], row["b"])):
        shared = [_count(row["shared"], row["of"].removesuffix("s")) for row in rows if row["shared"]]
        if shared:
            yield f"{a} and {b} share {', '.join(shared)}."
    digits, letters = (sum(row[kind] for row in found["sets"]) for kind in ("digits", "latin"))
    if digits or letters:
        yield (
            f"{_count(digits, 'transcript')} with digits and {letters:,} with Latin letters, "
            "which are learnt and compared only where a text form keeps them."
        )
    odd = len({(row["set"], row["id"]) for row in found["suspicious"]})
    yield (
        f"{_count(odd, 'suspicious utterance')}: see suspicious.tsv." if odd else "Nothing looks suspicious."
    )


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def headline(rows: Rows) -> Table:
    """One row a set."""
    header = ("set", "hours", "utterances", "speakers", "sentences", "varieties", "characters", "seconds")
    cells = tuple(
        (
            row["set"],
            decimals(row["hours"], 2),
            *(f"{row[name]:,}" for name in header[2:-1]),
            "–".join(decimals(row[name], 1) for name in ("shortest", "median", "longest")),
        )
        for row in rows
    )
    caption = "Characters: of the variety's own wording, in normal form. Seconds: shortest, median, longest utterance."
    return Table("Sets", caption, header, cells)


def varieties(rows: Rows) -> Section:
    """One row a set and variety."""
    order = sort_varieties(row["variety"] for row in rows)
    by_set = [list(of) for _, of in groupby(rows, key=lambda row: row["set"])]
    cells = tuple(
        (
            row["set"],
            label(row["variety"]),
            decimals(row["hours"], 2),
            *(f"{row[name]:,}" for name in ("utterances", "speakers", "characters")),
            decimals(row["characters_per_second"], 1),
        )
        for of in by_set
        for row in sorted(of, key=lambda row: order.index(row["variety"]))
    )
    header = ("set", "variety", "hours", "utterances", "speakers", "characters", "characters/s")
    caption = "Characters per second: the median of the utterances."
    return Section("Varieties", (Table("Varieties", caption, header, cells, text_columns=2),))


def durations(rows: Rows) -> Section:
    """A line a set: the share of its utterances by their length in whole seconds."""
    caption = "Share of the utterances of each set by their length, in percent; numbers in durations.tsv."
    picture = Picture("durations", _histogram(rows), "Histogram of durations, a line a set", caption)
    return Section("Durations", (picture,))


def _histogram(rows: Rows) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.8), layout="constrained")
        axes = figure.add_subplot()
        sets = {name: list(of) for name, of in groupby(rows, key=lambda row: row["set"])}
        for n, (name, of) in enumerate(sets.items()):
            colour, line = LOOKS[n % len(LOOKS)]
            counts = np.array([row["utterances"] for row in of])
            edges = [row["from"] for row in of] + [of[-1]["from"] + 1]
            share = 100 * counts / counts.sum()
            axes.stairs(
                share, edges, color=colour, linestyle=line, linewidth=1.5, label=latin(name, f"#{n + 1}")
            )
        axes.set(xlim=(0, None), ylim=(0, None), xlabel="seconds", title="utterances (%)")
        if max(row["to"] for row in rows) == float("inf"):
            axes.set_xlabel("seconds (the last: 30 and more)")
        legend(figure, axes)
    return figure


def overlap(rows: Rows) -> Section:
    """One row for each kind of thing that two sets share."""
    shared = [row for row in rows if row["shared"]]
    if not shared:
        return Section("Overlap", ("No two sets share a speaker, a sentence id or a wording.",))
    header = ("sets", "share", "number", "utterances of the first", "of the second")
    cells = tuple(
        (f"{row['a']}, {row['b']}", row["of"], *(f"{row[name]:,}" for name in OVERLAP[3:])) for row in shared
    )
    caption = (
        "How many speakers, sentence ids and wordings two sets share, and how many of their utterances that is; "
        "what is not listed is not shared. Wording: letters and digits of the Mandarin one, else of the variety's own."
    )
    return Section("Overlap", (Table("Overlap", caption, header, cells, text_columns=2),))


def suspicious(rows: Rows) -> Section:
    """One row a reason and set, with the first utterance as an example."""
    if not rows:
        return Section("Suspicious utterances", ("None was found.",))
    groups: dict[tuple, list] = {}
    for row in rows:
        groups.setdefault((row["reason"], row["set"]), []).append(row)
    cells = tuple(
        (reason, name, of[0]["id"], _value(of[0]["value"]), of[0]["expected"], f"{len(of):,}")
        for (reason, name), of in sorted(groups.items())
    )
    header = ("reason", "set", "for example", "which has", "expected", "utterances")
    caption = "All of them are in suspicious.tsv. An utterance may have several reasons."
    return Section("Suspicious utterances", (Table("Suspicious", caption, header, cells, text_columns=5),))


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def sound(sounds: Mapping[str, Rows]) -> Section:
    """One row a set: level, silence and clipping of its utterances."""
    header = ("set", "level", "quietest 5 %", "silent", "clipped", "unreadable")
    cells = []
    for name, rows in sounds.items():
        good = [row for row in rows if not row["error"]]
        levels = np.array([row["level"] for row in good] or [np.nan])
        middle, low = np.median(levels), np.quantile(levels, 0.05)
        means = [float(np.mean([row[key] for row in good] or [np.nan])) for key in ("silent", "clipped")]
        cells.append(
            (name, decimals(middle, 1), decimals(low, 1), *map(percent, means), f"{len(rows) - len(good):,}")
        )
    caption = (
        "Level: what one frame of 20 ms in twenty exceeds, in dBFS, the median of the utterances and what 5 % of them "
        "are below. Silent: frames below -60 dBFS, clipped: samples at full scale, in percent, means of the utterances."
    )
    return Section("Sound", (Table("Sound", caption, header, tuple(cells)),))
