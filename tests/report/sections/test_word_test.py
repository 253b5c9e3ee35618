"""`fangyan.report.sections.word_test`: the word-level test, by layer and triple by triple."""

import pytest

from fangyan.report.read import results
from fangyan.report.render import curves

from ..fabricated import TRIPLES, report, scores, words
from ..reading import rows


def test_words_by_layer_with_intervals_and_the_triples_at_both_ends(exp, unrendered):
    words(exp)
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Meaning or sound")
    assert body[:3] == [
        ["layer", "synonym nearer"],
        ["layer01", "50.0 (40.5–62.5)"],
        ["norm", "25.0 (20.0–30.0)"],
    ]
    assert body[3] == ["#", "varieties", "word", "synonym", "homophone", "synonym nearer", "margin"]
    assert [row[:3] + row[5:] for row in body[4:]] == [
        ["1", "cmn > yue", "w1", "0.0", "-0.300"],
        ["2", "yue > cmn", "w2", "0.0", "-0.200"],
        ["3", "cmn > yue", "w3", "25.0", "-0.900"],
        ["⋮", "2 others", "", "", ""],
        ["6", "cmn > yue", "w6", "75.0", "+0.100"],
        ["7", "cmn > yue", "w7", "100.0", "+0.050"],
        ["8", "cmn > yue", "w8", "100.0", "+0.421"],
    ]
    assert "Word by word: 8 triples" in text and "spoken by 4 voices" in text
    assert "Below 50.0 % sound wins." in text
    assert "in percent: layer01 50.0, norm 25.0.](<images/words.png>)" in text
    assert "**layer01**" in text.split("Word by word")[1] and "**norm**" not in text
    assert "Ring: the layer chosen on dev." in text.split("Word by word")[1]
    assert "Grey" not in text.split("Word by word")[1]


def test_words_of_baselines_are_beside_those_of_the_encoder(exp):
    words(exp)
    words(exp / "baselines" / "mfcc", TRIPLES.replace("layer01", "mfcc").replace("norm", "other"))
    words(exp / "baselines" / "random", TRIPLES.replace("layer01", "layer02"))
    found = results.read(exp, "dev", ["test"])
    axes = curves.preferences(found).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines if line.get_label()[0] != "_"}
    assert lines == {
        "this encoder": [50, 25],
        "MFCC": [50, 50],
        "chance 50.0": [50, 50],
        "random weights": [50, 50],
    }
    (bars,) = axes.collections
    ends = [[y for _, y in segment] for segment in bars.get_segments()]
    assert ends == [pytest.approx([40.5, 62.5]), [20, 30]]
    text = report(exp, "dev", ["test"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")[:5]] == [
        *("layer", "layer01", "norm"),
        *("random weights, layer02", "MFCC, mfcc"),
    ]
    assert "Grey: baselines." in text.split("Word by word")[1]


def test_words_without_a_layer_to_show_have_no_triples(exp, unrendered):
    words(exp)
    scores(exp / "retrieval" / "far", {"layer03": (0.1, 0.3), "layer04": (0.5, 0.5)})
    text = report(exp, "", ["test", "far"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")] == ["layer", "layer01", "norm"]
    assert "Ring" not in text and "Bold" not in text.split("Word by word")[1]
