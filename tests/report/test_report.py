"""`fangyan.report`: whole reports, of experiments that have all and of some that lack much."""

import platform
import shutil
from datetime import date

import pytest

from fangyan import environment
from fangyan.errors import UserError
from fangyan.report import headline
from fangyan.report.read import results
from fangyan.report.render import curves

from .fabricated import CER, report, scores, words, write
from .reading import Page, rows


def test_headline_is_the_dev_layer_measured_on_test(made):
    text = headline(made)
    cells = [cell.strip() for cell in text.splitlines()[4].strip("|").split("|")]
    # layer01 although layer02 is better on test; (0.62 + 0.78) / 2; 1.2 and 1.1 times that; 1/80
    assert cells == ["test", "layer01", "70.0", "84.0", "77.0", "18.0", "80", "1.3"]
    assert text.startswith("# Results of tag\n")
    assert "##" not in text


def test_without_a_dev_set_all_layers_are_shown_and_the_last_one_in_detail(exp):
    text = report(exp, "", ["test"]).read_text()
    assert "No development set was scored, so every layer is shown." in text
    assert [row[0] for row in rows(text, "Layer by layer")] == ["layer", "layer01", "layer02"]
    assert [row[:2] for row in rows(text, "Systems compared")[1:3]] == [
        ["this encoder", "layer02"],
        ["random weights", "layer02"],
    ]
    assert rows(text, "Variety by variety")[1] == ["Mandarin (cmn)", "–", "78.0"]
    assert (exp / "images" / "heatmap.png").exists()
    Page(exp / "report.html")


def test_one_layer_without_a_dev_set_is_all_there_is_even_if_it_is_several(exp):
    scores(exp / "retrieval" / "test", {"layer03+layer10": (0.62, 0.78)})
    text = report(exp, "", ["test"]).read_text()
    assert "Bold: the layer scored alone." in text and "No layer was selected" not in text
    assert "layer03+layer10" in text.splitlines()[4]  # the headline
    assert rows(text, "Layer by layer")[1][:3] == ["layer03+layer10", "70.0", "–"]  # pooled are other layers
    assert rows(text, "Systems compared")[1][:3] == ["this encoder", "layer03+layer10", "70.0"]
    ticks = curves.layers(results.read(exp, "", ["test"]), "test").axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["3+10"]
    Page(exp / "report.html")


def test_an_encoder_that_was_only_scored(tmp_path):
    for name in ("dev", "test"):
        scores(tmp_path / "fbank" / "retrieval" / name, {"fbank": (0.02, 0.04)})
    text = report(tmp_path / "fbank", "dev", ["test"]).read_text()
    for sentence in (
        "No baselines were scored.",
        "Nothing was decoded",
        "There is no training history.",
        "Mean-pooled vectors were not scored.",
        "Wall times were not recorded.",
        "The command line was not recorded.",
    ):
        assert sentence in text
    facts = dict(rows(text, "The run"))  # scored on this machine
    assert facts["python"] == platform.python_version() and facts["threads"] == str(environment.threads())
    assert facts["measured on"] == f"{date.today()}" and "What was trained" not in text
    assert facts.get("commit", "")[:12] == environment.code().get("commit", "")[:12]
    assert "| test     | fbank | 3.0 | 3.6 | 3.3 |   – |  80 |    1.3 |" in text
    assert not (tmp_path / "fbank" / "images" / "training.png").exists()
    Page(tmp_path / "fbank" / "report.html")


@pytest.mark.parametrize(
    ("dev", "tests", "told"),
    [
        ("dev", ["nope"], "--test nope: .*: known are dev, test: "),
        ("dev", ["test", "nope"], "--test nope: "),
        ("dev", [""], "--test : "),
        ("nope", ["test"], "--dev nope: .*: known are dev, test: "),
        ("", ["nope"], "--test nope: "),
        ("dev", ["tset"], r"--test tset: .*: did you mean 'test'\? known are dev, test: "),
        ("dve", ["test"], r"--dev dve: .*: did you mean 'dev'\? known are dev, test: "),
    ],
)
def test_a_set_without_results_is_refused_and_the_report_that_is_there_stays(exp, dev, tests, told):
    written = [report(exp, "dev", ["test"]), exp / "report.html"]
    before = [path.read_bytes() for path in written]
    with pytest.raises(UserError, match=told):
        report(exp, dev, tests)
    assert [path.read_bytes() for path in written] == before


def test_an_experiment_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--test test: .*: no set was scored there: run the stage measure"):
        report(tmp_path, "dev", ["test"])
    assert not list(tmp_path.iterdir())


def test_an_experiment_that_was_only_decoded_says_so(exp):
    shutil.rmtree(exp / "retrieval")
    text = report(exp, "dev", ["test"]).read_text()
    assert "Retrieval was not scored" in text and "| 18.0 |" in text
    shutil.rmtree(exp / "decode" / "dev")
    with pytest.raises(UserError, match="--dev dev: .*: known are test: "):
        report(exp, "dev", ["test"])


def test_several_test_sets_each_have_their_row_and_figures(exp):
    scores(exp / "retrieval" / "far", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    write(exp / "decode" / "read" / "cer.tsv", CER)
    path = report(exp, "dev", ["test", "far", "read", "test"])
    head = headline(path).splitlines()
    assert [line.split("|")[1].strip() for line in head[4:7]] == ["test", "far", "read"]
    assert "| 20.0 |" in head[5]  # layer01 of far, though layer02 is better there
    assert "Not scored: read." in head  # which was decoded alone
    names = {image.name for image in (exp / "images").iterdir()}
    assert names == {"heatmap.png", "heatmap_far.png", "layers.png", "layers_far.png", "training.png"}


def test_images_are_png_and_a_second_run_gives_the_same_bytes(exp):
    def written() -> dict[str, bytes]:
        report(exp, "dev", ["test"])
        return {p.name: p.read_bytes() for p in (*exp.glob("*.*"), *exp.glob("images/*"))}

    first = written()
    for name in ("heatmap.png", "layers.png", "training.png"):
        assert first[name].startswith(b"\x89PNG\r\n\x1a\n")
    assert written() == first
    assert not [name for name in first if "partial" in name]


def test_the_report_of_some_layers_stands_beside_that_of_all(exp):
    both = ("layer02", "layer01+layer02")
    home = exp / "layers" / "layer02_layer01+layer02"
    for name, recalls in {"dev": (0.5, 0.6), "test": (0.4, 0.3)}.items():
        scores(home / "retrieval" / name, {layer: (r, r) for layer, r in zip(both, recalls, strict=True)})
    words(exp)
    before = report(exp, "dev", ["test"]).read_bytes()
    path = report(exp, "dev", ["test"], layers=both)
    text = path.read_text()
    assert path == home / "RESULTS.md" and (home / "report.html").exists()
    assert text.startswith("# Results of tag at layer02, layer01+layer02\n")
    assert (
        "| test     | layer01+layer02 | 30.0 | 36.0 | 33.0 | 18.0 |" in text
    )  # 0.6 on dev; the CER is the model's
    assert [row[0] for row in rows(text, "Systems compared")[1:3]] == ["this encoder", "random weights"]
    assert "synonym nearer" in text and (exp / "RESULTS.md").read_bytes() == before


def test_layers_that_were_not_measured_are_refused(exp):
    told = "layers/layer2: these layers were not scored by themselves: {}: run the stage measure"
    with pytest.raises(UserError, match=told.format("known are none")):
        report(exp, "dev", ["test"], layers=["layer2"])
    assert not (exp / "layers").exists()
    scores(exp / "layers" / "layer02" / "retrieval" / "dev", {"layer02": (0.5, 0.5)})
    with pytest.raises(UserError, match=told.format("did you mean 'layer02'. known are layer02")):
        report(exp, "dev", ["test"], layers=["layer2"])
