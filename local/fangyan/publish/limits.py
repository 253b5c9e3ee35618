"""What a model card says against the model, as far as its own results and data tell."""

from collections.abc import Iterator, Sequence

from fangyan.data.sources import Origin
from fangyan.recognition.cer import ALL_VARIETIES
from fangyan.registry import ASR
from fangyan.report.read.results import Results
from fangyan.report.render.tables import label
from fangyan.rounding import percent

ALWAYS = (
    "What was not measured: noise, overlapping speech, children and the old, other corpora than those above. Expect "
    "less there, and measure before use: figures on read or synthetic speech do not carry over.",
    "Nearness of features is not proof of equal meaning: near-homophones, and words that sound alike in two varieties, "
    "are near as well. Nothing that concerns a person should be decided by it alone.",
)


def sentences(experiment: Results, origins: Sequence[Origin]) -> list[str]:
    """One sentence or two for each limit."""
    return [*_data(origins), *_spread(experiment), *_sound(experiment), *_words(experiment), *ALWAYS]


def _data(origins: Sequence[Origin]) -> Iterator[str]:
    hours: dict[str, float] = {}
    for origin in origins:
        hours[origin.variety] = hours.get(origin.variety, 0.0) + origin.hours
    total = sum(hours.values())
    if not total:
        yield "What it was trained on was not recorded."
        return
    heard = ", ".join(label(code) for code in hours)
    yield f"It heard {heard} in training; how it does on other varieties is unknown unless a table above says so."
    most, least = max(hours, key=hours.__getitem__), min(hours, key=hours.__getitem__)
    if hours[most] > 2 * hours[least]:
        shares = [f"{percent(hours[code] / total)} % {label(code)}" for code in (most, least)]
        yield f"Its training data is uneven, {shares[0]} against {shares[1]}: expect less of what it heard less."


def _spread(experiment: Results) -> Iterator[str]:
    """How far apart the best and the worst direction and variety are: a mean hides it."""
    for name in experiment.tests:
        pairs = [p for p in experiment.encoder.seqsim.get(name, ()) if p.layer == experiment.encoder.layer]
        recalls = {f"{label(p.source)} to {label(p.target)}": p.recall_at_1 for p in pairs}
        errors = {
            label(row.variety): row.cer
            for row in experiment.cer.get(name, ())
            if row.variety != ALL_VARIETIES
        }
        for metric, values in (("R@1", recalls), ("CER", errors)):
            if len(values) > 1:
                low, *_, high = sorted(values, key=values.__getitem__)
                ends = [f"{percent(values[end])} % ({end})" for end in (low, high)]
                yield f"{metric} on {name} is a mean: from {ends[0]} to {ends[1]}."


def _sound(experiment: Results) -> Iterator[str]:
    """How much of R@1 phonetic distance would explain."""
    for name, control in experiment.control.items():
        row = control.pooled.get(experiment.encoder.layer or "")
        if row and row.recall_at_1_controlled is not None:
            yield (
                f"Part of R@1 is sound: on {name} phonetic distance has {percent(row.phonetics_recall_at_1)} %; "
                f"on the {row.n_controlled:,} of {row.n:,} queries that it gets wrong the model has "
                f"{percent(row.recall_at_1_controlled)} %."
            )


def _words(experiment: Results) -> Iterator[str]:
    """What comes out of its decoder, and what its text side reads."""
    if taught := experiment.taught:
        yield (
            f"Typed sentences are read by {taught.teacher.name}, which knows Mandarin and hardly a variety: type "
            "Mandarin. What is nearest to a sentence need not say the same."
        )
        if not taught.objectives.get(ASR):
            yield "Recognition was no part of its training: what its decoder and its CTC head write means nothing."
            return
    if experiment.train.get("task") == "dual":
        yield (
            "Typed sentences are read in the wording that it has learnt; what is nearest to a sentence need not say "
            "the same. It writes nothing."
        )
        return
    if experiment.train.get("target") == "text_cmn":
        yield "Its decoder writes Mandarin wording whatever is spoken: a translation, not a transcript."
    if not experiment.train.get("text_form"):
        yield "It writes Han characters alone, without digits, Latin letters and punctuation."
