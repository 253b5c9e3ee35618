"""The section on texts as units: curve and tables by layer, of the encoder and of what it is compared with."""

from fangyan.measure.cross_modal import KindInterval
from fangyan.report.read import results
from fangyan.report.sections import space, unit_texts
from fangyan.tables import write_rows


def kinds(home, first, second):
    """Both kinds between speech and text at two layers."""
    found = [
        KindInterval(kind, layer, metric, value, value - 0.1, value + 0.1, 160, "80 sentences", 0.0125)
        for layer, value in (("layer02", first), ("norm", second))
        for kind in ("speech to text", "text to speech")
        for metric in ("recall_at_1", "recall_at_5", "mrr")
    ]
    write_rows(home / "unit_texts/kinds/test/kinds.tsv", found, KindInterval)


def test_speech_and_text_are_shown_by_layer_beside_what_is_untrained(exp):
    kinds(exp, 0.25, 0.5)
    kinds(exp / "baselines/random", 0.125, 0.125)
    found = results.read(exp, "dev", ["test"])
    said, curve, own, untrained = unit_texts.blocks(found)
    assert said.startswith("The Mandarin wording of each sentence is read as units")
    assert curve.name == "unit_texts_test" and "; thin: random; dotted: chance." in curve.caption
    assert "speech to text layer02 25.0, norm 50.0; text to speech layer02 25.0, norm 50.0." in curve.alt
    assert own.rows[2][:3] == ("speech to text", "norm", "50.0 (40.0–60.0)")
    assert untrained.title == "Texts as units on test, random"
    assert untrained.caption.startswith("test, random, in percent: ")
    assert untrained.rows[0][:3] == ("speech to text", "layer02", "12.5 (2.5–22.5)")
    assert len(curve.figure.axes[0].lines) == 5  # two kinds of each, and chance
    assert [*space.blocks(found)] == []


def test_nothing_is_said_where_none_was_measured(exp):
    assert [*unit_texts.blocks(results.read(exp, "dev", ["test"]))] == []
