"""`fangyan.report.sections.probes`: curves and tables of each label, speech beside texts."""

import pytest

from fangyan.errors import DataError
from fangyan.files import write_table
from fangyan.measure.probing import Probe
from fangyan.report.read import results
from fangyan.report.render import curves
from fangyan.tables import write_rows

from ..fabricated import report
from ..reading import rows


def probes(exp, **more):
    """A label of speech at two layers, and of texts at one."""
    usual = {
        "label": "utt2topic",
        "n": 240,
        "classes": 6,
        "folds": 5,
        "chance": 0.3,
        "clusters": "80 sentences",
    } | more
    speech = [
        Probe("layer01", accuracy=0.5, low=0.4, high=0.6, control=0.25, **usual),
        Probe("norm", accuracy=0.9, low=0.8, high=1.0, control=0.2, **usual),
    ]
    text = [Probe("sentence", accuracy=1.0, low=1.0, high=1.0, control=0.1, side="text_cmn", **usual)]
    write_rows(exp / "probe_utt2topic/test/probe.tsv", speech, Probe)
    write_rows(exp / "probe_utt2topic_text_cmn/test/probe.tsv", text, Probe)


def test_speech_and_texts_stand_side_by_side(exp):
    probes(exp)
    body = rows(text := report(exp, "dev", ["test"]).read_text(), "What layers know")
    assert body == [
        ["side", "layer", "accuracy", "control", "selectivity", "chance"],
        ["speech", "layer01", "50.0 (40.0–60.0)", "25.0", "25.0", "30.0"],
        ["speech", "norm", "90.0 (80.0–100.0)", "20.0", "70.0", "30.0"],
        ["text_cmn", "sentence", "100.0 (100.0–100.0)", "10.0", "90.0", "30.0"],
    ]
    assert "utt2topic from mean frames on test, no sentence in training and test" in text
    assert (exp / "images/probe_utt2topic_test.png").exists()


def test_each_side_has_a_panel_with_accuracy_control_and_chance(exp):
    probes(exp)
    (found,) = results.read(exp, "dev", ["test"]).probes
    speech, texts = curves.probes(found).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in speech.lines}
    assert lines == {"chance": [30, 30], "control": [25, 20], "accuracy": [50, 90]}
    assert [list(line.get_ydata()) for line in texts.lines] == [[30], [10], [100]]


def test_tables_from_before_there_was_a_control_are_read(exp):
    row = {
        "layer": "norm",
        "label": "utt2lang",
        "n": 9,
        "classes": 3,
        "folds": 3,
        "accuracy": 1.0,
        "chance": 0.25,
    }
    write_table(exp / "probe_utt2lang/test/probe.tsv", [row], list(row))
    body = rows(report(exp, "dev", ["test"]).read_text(), "What layers know")
    assert body[1] == ["speech", "norm", "100.0", "–", "–", "25.0"]


def test_other_folds_are_another_table_and_a_layer_is_there_once(exp, unrendered):
    probes(exp, held_out="speaker")
    path = exp / "probe_utt2topic_speaker/test/probe.tsv"
    write_rows(path, [Probe("norm", "utt2topic", 240, 6, 5, 0.5, 0.3)], Probe)
    found = results.read(exp, "dev", ["test"]).probes
    assert [(one.held_out, list(one.sides)) for one in found] == [
        ("sentence", ["speech"]),
        ("speaker", ["speech", "text_cmn"]),
    ]
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(DataError, match="probe.tsv: one row a layer, got norm of utt2topic again"):
        results.read(exp, "dev", ["test"])
