"""The word-level test in words and tables: is a layer nearer to a word's synonym, or to what sounds like it?"""

from collections.abc import Iterator

from fangyan.features.layers import layer_name
from fangyan.measure.word_test import Preference, WordPreference
from fangyan.report.read.results import Results
from fangyan.report.render import curves
from fangyan.report.render.blocks import Block, Picture
from fangyan.report.render.tables import Table, ends
from fangyan.rounding import decimals, percent

SHOWN = 3
"""So many triples are shown that are most for sound, and so many that are most for meaning."""


def blocks(experiment: Results) -> Iterator[Block]:
    """What was found word by word; one sentence where words were not asked."""
    asked = experiment.encoder.words
    if not asked:
        yield "Word by word, meaning was not tested against sound: --word_test true does it."
        return
    row = next(iter(asked.values()))
    yield (
        f"Word by word: {row.n:,} triples of a word of one variety, its synonym in another, which sounds different, "
        f"and a near-homophone there, which means something else (conf/mini_sinitic/triples.tsv), spoken by "
        f"{row.voices} voices. A layer of meaning is nearer to the synonym, one of sound to the homophone. After Shim "
        "et al. (2025); list and score are ours (local/fangyan/measure/word_test.py)."
    )
    yield _curve(experiment)
    yield layers(experiment)
    if experiment.triples:
        yield triples(experiment)


def layers(experiment: Results) -> Table:
    """One row a layer: how often the synonym is nearer; below, each baseline with its own layer."""
    encoder = experiment.encoder
    rows = list(encoder.words.items())
    rows += [(f"{b.name}, {b.layer}", b.words[b.layer]) for b in experiment.baselines if b.layer in b.words]
    cells = tuple((name, _rate(row)) for name, row in rows)
    marked = frozenset(n for n, layer in enumerate(encoder.words) if layer == encoder.layer)
    caption = (
        f"How often the synonym is nearer, in percent, chance {percent(rows[0][1].chance)} %. In brackets: 95 % "
        "intervals, bootstrap over triples."
    )
    if marked:
        caption += f" Bold: the layer {experiment.choice}."
    return Table("Words by layer", caption, ("layer", "synonym nearer"), cells, marked=marked)


def triples(experiment: Results) -> Table:
    """The triples that are most for sound and those most for meaning at the chosen layer, a row each."""
    found = list(enumerate(experiment.triples, 1))
    rows = [
        (f"{n:,}", f"{t.source} > {t.target}", *(t.word, t.synonym, t.homophone), *_preference(t))
        for n, t in found
    ]
    caption = (
        f"At {layer_name(experiment.encoder.layer)}: 1 is the triple most for sound, {len(found):,} the one most for "
        "meaning. Synonym nearer: in percent of the pairs of voices. Margin: mean similarity of the word to its "
        "synonym minus that to the homophone."
    )
    header = ("#", "varieties", "word", "synonym", "homophone", "synonym nearer", "margin")
    return Table("Triples", caption, header, ends(rows, SHOWN), text_columns=5)


def _preference(triple: WordPreference) -> tuple[str, str]:
    return percent(triple.preference), decimals(triple.margin, 3, "+")


def _rate(row: Preference) -> str:
    return f"{percent(row.preference)} ({percent(row.low)}–{percent(row.high)})"


def _curve(experiment: Results) -> Picture:
    asked = experiment.encoder.words
    values = ", ".join(f"{layer} {percent(row.preference)}" for layer, row in asked.items())
    chance = percent(next(iter(asked.values())).chance)
    caption = (
        "How often a word is nearer to its synonym than to the near-homophone, by layer: mean over triples and pairs "
        f"of voices, then over ordered pairs of varieties. Below {chance} % sound wins. Vertical bars: 95 % intervals, "
        "bootstrap over triples."
    )
    if experiment.encoder.layer in asked:
        caption += f" Ring: the layer {experiment.choice}."
    if any(baseline.words for baseline in experiment.baselines):
        caption += " Grey: baselines."
    alt = f"Line chart by layer of how often the synonym is nearer, in percent: {values}."
    return Picture("words", curves.preferences(experiment), alt, caption)
