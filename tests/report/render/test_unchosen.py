"""`fangyan.report.render.unchosen`: the head of a report without a development set, by hand."""

import shutil

from fangyan.report import headline
from fangyan.report.read import results

from ..fabricated import groups, intervals, ranks, report, scores
from ..reading import Page, rows


def table(text: str) -> list[list[str]]:
    """The cells of the table of a headline."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"]


def test_every_layer_has_a_row_with_its_interval_and_baselines_stand_below(exp, unrendered):
    intervals(exp)
    text = headline(report(exp, "", ["test"]))
    assert [row for row in table(text) if row[1][:1] != "-"] == [
        ["test set", "layer", "R@1", "pooled", "N", "chance", "CER"],
        ["test", "layer01", "70.0 (61.0–78.5)", "22.5", "80", "1.3", "–"],
        ["test", "layer02 (shown below)", "80.0 (75.0–90.0)", "30.0", "80", "1.3", "18.0"],
        ["test", "random weights layer02", "4.5", "–", "80", "1.3", "–"],
        ["test", "MFCC", "3.0", "–", "80", "1.3", "–"],
        ["test", "odd", "3.0", "–", "80", "1.3", "–"],
    ]
    assert "In brackets: 95 % intervals, bootstrap over 80 sentences." in text
    assert "of the layer standing last, not chosen on these data: layer02." in text
    assert "To have a layer chosen: a development set (--dev_set), or --choose_layer folds." in text
    (exp / "RESULTS.md").unlink()
    shutil.rmtree(exp / "decode")  # as where only an encoder was scored
    assert max(map(len, headline(report(exp, "", ["test"])).splitlines()[2:10])) <= 80


def test_the_rest_of_the_report_shows_the_layer_that_is_marked(exp):
    ranks(exp, {"s": (1,)})
    groups(exp, ("cmn", "yue", 1, 0.62), ("yue", "cmn", 1, 0.78))
    text = report(exp, "", ["test"], recommended="layer01").read_text()
    assert "of the layer recommended by the encoder, not chosen on these data: layer01." in text
    assert rows(text, "Variety by variety")[1][2] == "62.0"
    assert [row[1] for row in rows(text, "Sentence by sentence")] == ["sentence", "s"]
    assert [row[:2] for row in rows(text, "Systems compared")[1:3]] == [
        ["this encoder", "layer01"],
        ["random weights", "layer01"],
    ]
    assert "Of this encoder the layer recommended by the encoder, not chosen on these data." in text
    assert text.count("**layer01**") == 2 and "**layer02**" not in text  # systems, layers
    assert (
        "layer01 (recommended by the encoder, not chosen on these data)"
        in (exp / "tables/test.groups.md").read_text()
    )
    assert '"chosen_on": null' in (exp / "tables/test.groups.json").read_text()
    Page(exp / "report.html")


def test_a_recommended_layer_that_was_not_scored_gives_way_to_the_last(exp, unrendered):
    assert "layer02 (shown below)" in headline(report(exp, "", ["test"], recommended="layer07"))


def test_a_single_layer_needs_no_mark_and_no_advice(tmp_path, unrendered):
    scores(tmp_path / "retrieval" / "test", {"fbank": (0.02, 0.04)})
    text = headline(report(tmp_path, "", ["test"]))
    assert table(text)[2] == ["test", "fbank", "3.0", "–", "80", "1.3"]
    assert "shown below" not in text and "--choose_layer" not in text


def test_sets_without_a_layer_in_common_show_all_and_single_out_none(exp, unrendered):
    scores(exp / "retrieval" / "far", {"layer03": (0.1, 0.3), "layer04": (0.5, 0.5)})
    shutil.rmtree(exp / "baselines")
    path = report(exp, "", ["test", "far"])
    assert [row[:3] for row in table(headline(path))[2:]] == [
        ["test", "layer01", "70.0"],
        ["test", "layer02", "80.0"],
        ["far", "layer03", "20.0"],
        ["far", "layer04", "50.0"],
    ]
    assert "The rest of the report" not in headline(path)
    assert "No layer was selected, so sentences are not compared" in path.read_text()


def test_averages_and_packed_models_still_know_no_layer_that_was_not_chosen(exp):
    assert results.read(exp, "", ["test"]).encoder.layer is None
