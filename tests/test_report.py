"""The report of fabricated experiments: every expected number is worked out by hand beside it."""

import json
import platform
import re
from html.parser import HTMLParser
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError, UserError
from fangyan.report import figures, headline, report, results, tables
from fangyan.report.results import Mean, Pair, choose
from fangyan.report.tables import Table, duration, markdown, percent

PAIRS = ("layer", "source", "target", "n", "recall_at_1", "recall_at_5", "mrr", "chance")
GROUPS = ("layer", "source_group", "target_group", "pairs", "recall_at_1", "recall_at_5", "mrr", "chance")
CER = """variety\tsentences\tcharacters\terrors\tcer
cmn\t10\t100\t10\t0.1
yue\t10\t100\t26\t0.26
all\t20\t200\t36\t0.18
"""
HISTORY = """epoch\ttrain_loss\ttrain_acc\tvalid_loss\tvalid_acc\tvalid_cer_ctc\tseconds
1\t80.5\t0.25\t90.25\t0.2\t\t48
2\t40\t0.5\t45.5\t0.45\t0.875\t47
"""
TRAIN = {
    "seed": 7,
    "target": "text_cmn",
    "train_set": "train",
    "dev_set": "dev",
    "parameters": 1512345,
    "seconds": 95.0,
    "machine": {"cpu": "Abacus 3000", "cores": 2, "memory_gib": 15.6, "gpu": "none"},
    "versions": {"python": "3.12.3", "torch": "2.14.0"},
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def scores(folder: Path, layers: dict[str, tuple[float, ...]], codes=("cmn", "yue"), n=80) -> None:
    """pairs.tsv with the given R@1 of each ordered pair; R@5 is 1.2 times it, MRR 1.1 times, chance 1/n."""
    rows = [PAIRS]
    for layer, values in layers.items():
        for (source, target), value in zip(permutations(codes, 2), values, strict=True):
            rows.append((layer, source, target, n, value, f"{1.2 * value:.6g}", f"{1.1 * value:.6g}", 1 / n))
    write(folder / "pairs.tsv", "".join("\t".join(map(str, row)) + "\n" for row in rows))


def experiment(folder: Path) -> Path:
    """Layer 1 is best on dev (0.6 against 0.5), layer 2 on test (0.8 against 0.7)."""
    scores(folder / "retrieval" / "dev", {"layer01": (0.5, 0.7), "layer02": (0.4, 0.6)})
    scores(folder / "retrieval" / "test", {"layer01": (0.62, 0.78), "layer02": (0.78, 0.82)})
    scores(folder / "retrieval_pooled" / "dev", {"layer01": (0.2, 0.2), "layer02": (0.3, 0.3)})
    scores(folder / "retrieval_pooled" / "test", {"layer01": (0.21, 0.24), "layer02": (0.3, 0.3)})
    for name, layers in (("mfcc", ("mfcc",)), ("random", ("layer01", "layer02")), ("odd", ("x",))):
        for set_name in ("dev", "test"):
            values = {layer: (0.01 * (n + 2), 0.02 * (n + 2)) for n, layer in enumerate(layers)}
            scores(folder / "baselines" / name / "retrieval" / set_name, values)
    for set_name in ("dev", "test"):
        write(folder / "decode" / set_name / "cer.tsv", CER)
    write(folder / "history.tsv", HISTORY)
    write(folder / "train.json", json.dumps(TRAIN))
    write(folder / "times.tsv", "stage\tseconds\ndata\t12\ntrain\t60\ntrain\t35\n")
    return folder


@pytest.fixture
def exp(tmp_path) -> Path:
    """An experiment of its own, to be changed."""
    return experiment(tmp_path / "tag")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """RESULTS.md of the unchanged experiment."""
    return report(experiment(tmp_path_factory.mktemp("made") / "tag"), "dev", ["test"])


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Figures are drawn but not rendered: for tests that are about words."""
    monkeypatch.setattr(figures, "save", lambda figure, path: None)
    monkeypatch.setattr(figures, "data_uri", lambda figure: "data:,")


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the rows of all Markdown tables below a heading, bold or not."""
    body = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("|") and not set(line) <= set("|-: ")]
    return [[cell.strip().strip("*") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class Page(HTMLParser):
    """Fails on tags that do not nest; gathers attributes, text and tags."""

    VOID = ("meta", "img", "link", "br", "hr")

    def __init__(self, path: Path):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_headline_is_the_dev_layer_measured_on_test(made):
    text = headline(made)
    cells = [cell.strip() for cell in text.splitlines()[4].strip("|").split("|")]
    # layer01 although layer02 is better on test; (0.62 + 0.78) / 2; 1.2 and 1.1 times that; 1/80
    assert cells == ["test", "layer01", "70.0", "84.0", "77.0", "18.0", "80", "1.3"]
    assert text.startswith("# Results of tag\n")
    assert "##" not in text


def test_layers_show_both_scores_side_by_side_and_mark_the_chosen_one(made):
    text = made.read_text()
    dev, test = rows(text, "Layer by layer")[:3], rows(text, "Layer by layer")[3:]
    assert dev[1] == ["layer01", "60.0", "20.0", "72.0", "24.0", "66.0", "22.0"]
    assert dev[2] == ["layer02", "50.0", "30.0", "60.0", "36.0", "55.0", "33.0"]
    assert test[1] == ["layer01", "70.0", "22.5", "84.0", "27.0", "77.0", "24.8"]  # 24.75 rounds up
    assert test[2] == ["layer02", "80.0", "30.0", "96.0", "36.0", "88.0", "33.0"]
    assert text.count("**layer01**") == 3  # systems, dev, test
    assert "**layer02**" not in text


def test_systems_each_with_the_layer_of_their_own_choice(made):
    body = rows(made.read_text(), "Systems compared")
    assert [row[:4] for row in body[1:]] == [
        ["this encoder", "layer01", "70.0", "22.5"],
        ["random weights", "layer02", "4.5", "–"],  # (0.03 + 0.06) / 2
        ["MFCC", "mfcc", "3.0", "–"],  # (0.02 + 0.04) / 2
        ["odd", "x", "3.0", "–"],
    ]
    assert all(row[-2:] == ["80", "1.3"] for row in body[1:])


def test_matrix_has_sources_in_rows(made):
    body = rows(made.read_text(), "Variety by variety")
    assert body == [
        ["source / target", "cmn", "yue"],
        ["Mandarin (cmn)", "–", "62.0"],
        ["Cantonese (yue)", "78.0", "–"],
    ]


def test_cer_by_variety_with_counts(made):
    body = rows(made.read_text(), "Character error rate")
    assert body[1:4] == [
        ["Mandarin (cmn)", "10.0", "10", "100", "10"],
        ["Cantonese (yue)", "26.0", "10", "100", "26"],
        ["all", "18.0", "20", "200", "36"],
    ]
    assert len(body) == 8  # dev and test


def test_run_facts_and_times_summed_over_reruns(exp):
    text = report(exp, "dev", ["test"], "./run.sh --target text_cmn --seed 7").read_text()
    body = dict(rows(text, "The run"))
    assert body["seed"] == "7"
    assert body["target wording"] == "text_cmn: the Mandarin wording"
    assert body["parameters"] == "1,512,345"
    assert body["processor"] == "Abacus 3000"
    assert body["torch"] == "2.14.0"
    assert (body["data"], body["train"], body["all"]) == ("12.0 s", "1 min 35 s", "1 min 47 s")
    assert "\n    ./run.sh --target text_cmn --seed 7\n" in text


def test_training_caption_has_the_last_epoch(made):
    text = made.read_text()
    assert "2 epochs. On the development set, the last one ends at: loss 45.5, accuracy (%) 45.0" in text
    assert "CER by CTC (%) 87.5." in text


def pair(layer: str, recall: float, mrr: float, source="a") -> Pair:
    return Pair(layer, source, "b", 10, recall, 1.0, mrr, 0.1)


def test_ties_go_to_mrr_then_to_the_shallower_layer():
    assert choose([]) is None
    assert choose([pair("layer01", 0.5, 0.6), pair("layer02", 0.5, 0.7)]) == "layer02"
    assert choose([pair("norm", 0.5, 0.7), pair("layer02", 0.5, 0.7)]) == "layer02"
    # 1/3 + 1/3 with six digits against 2/3 + 0: the same mean
    thirds = [pair("layer01", 0.333333, 0.5), pair("layer01", 0.333333, 0.5, "c")]
    assert choose([*thirds, pair("layer02", 0.666667, 0.5), pair("layer02", 0, 0.5, "c")]) == "layer01"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6))
def test_choice_is_the_first_maximum_whatever_the_order_of_rows(values):
    pairs = [pair(f"layer{n:02d}", r / 4, m / 4) for n, (r, m) in enumerate(values)]
    assert choose(pairs[::-1]) == f"layer{values.index(max(values)):02d}"


def test_means_are_over_pairs_and_keep_the_range_of_queries():
    pairs = [
        Pair("l", "a", "b", 40, 0.2, 0.4, 0.3, 0.025),
        Pair("l", "b", "a", 80, 0.5, 0.6, 0.7, 0.0125),
    ]
    mean = results.by_layer(pairs)["l"]
    assert mean == Mean(0.35, 0.5, 0.5, pytest.approx(0.01875), 2, 40, 80)
    assert tables.queries(mean) == "40-80"


def test_without_a_dev_set_no_layer_is_selected_and_all_are_shown(exp):
    text = report(exp, "", ["test"]).read_text()
    assert "No layer was selected, because no development set was scored" in text
    assert "| test     | –     |" in text
    assert [row[0] for row in rows(text, "Layer by layer")] == ["layer", "layer01", "layer02"]
    assert "**layer0" not in text
    assert rows(text, "Variety by variety") == []
    systems = [row[:2] for row in rows(text, "Systems compared")[1:]]
    assert systems[:3] == [
        ["this encoder", "layer01"],
        ["this encoder", "layer02"],
        ["random weights", "layer01"],
    ]
    assert not (exp / "images" / "heatmap.png").exists()
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
    assert dict(rows(text, "The run"))["python"] == platform.python_version()  # scored on this machine
    assert "| test     | fbank | 3.0 | 3.6 | 3.3 |   – |  80 |    1.3 |" in text
    assert not (tmp_path / "fbank" / "images" / "training.png").exists()
    Page(tmp_path / "fbank" / "report.html")


def test_an_empty_experiment_says_so(tmp_path):
    text = report(tmp_path, "dev", ["test"]).read_text()
    assert "Retrieval was not scored" in text
    assert not re.search(r"\d\.\d", text.partition("## The run")[0])
    Page(tmp_path / "report.html")


def test_several_test_sets_each_have_their_row_and_figures(exp):
    scores(exp / "retrieval" / "far", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    path = report(exp, "dev", ["test", "far", "lost", "test"])
    head = headline(path).splitlines()
    assert [line.split("|")[1].strip() for line in head[4:7]] == ["test", "far", "lost"]
    assert "| 20.0 |" in head[5]  # layer01 of far, though layer02 is better there
    assert "Not scored: lost." in head
    names = {image.name for image in (exp / "images").iterdir()}
    assert names == {"heatmap.png", "heatmap_far.png", "layers.png", "layers_far.png", "training.png"}


def groups(exp: Path, *cells: tuple[str, str, int, float]) -> None:
    lines = [GROUPS] + [("layer01", a, b, n, r, 1, 1, 0.0125) for a, b, n, r in cells]
    write(exp / "retrieval" / "test" / "groups.tsv", "".join("\t".join(map(str, x)) + "\n" for x in lines))


def test_groups_are_shown_where_they_are_coarser_than_varieties(exp, unrendered):
    codes = ("cmn", "yue", "site")
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"layer01": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, codes)
    groups(exp, ("yue", "mandarin", 2, 0.35), ("mandarin", "yue", 2, 0.15))
    body = rows(report(exp, "dev", ["test"]).read_text(), "Variety by variety")
    assert body[4:] == [
        ["source / target", "mandarin", "yue"],
        ["mandarin", "–", "15.0"],
        ["yue", "35.0", "–"],
    ]


def test_groups_that_would_repeat_the_matrix_are_left_out(exp, unrendered):
    groups(exp, ("yue", "mandarin", 1, 0.78), ("mandarin", "yue", 1, 0.62))
    assert len(rows(report(exp, "dev", ["test"]).read_text(), "Variety by variety")) == 3


def test_many_varieties_leave_the_numbers_to_the_page(tmp_path):
    codes = [f"s{n:02d}" for n in range(22)]
    for name in ("dev", "test"):
        scores(tmp_path / "retrieval" / name, {"norm": [0.5] * 462}, codes)
    text = report(tmp_path, "dev", ["test"]).read_text()
    assert "22 rows and columns: see report.html." in text
    page = Page(tmp_path / "report.html")
    assert page.text.count("s21") == 2  # a row and a column


def test_odd_names_are_words_not_markup(exp):
    codes = ("<b>x|y</b>", "$\\frac$", "河北_承德")
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"<i>": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, codes)
    text = report(exp, "dev", ["test"], "./run.sh --tag '<script>alert(1)</script>'").read_text()
    assert "&lt;b>x\\|y&lt;/b>" in text
    page = Page(exp / "report.html")
    assert "b" not in page.tags[page.tags.index("table") :]
    assert "script" not in page.tags
    assert page.text.count("<b>x|y</b>") == 2
    assert "./run.sh --tag '<script>alert(1)</script>'" in page.text


# Sound finds 6 of 10 from cmn and 4 of 30 from yue: 10 of 40 together. 4 and 16 queries are controlled.
CONTROLLED = """layer source target n recall_at_1 chance quantile n_controlled recall_at_1_controlled mrr_controlled
 chance_controlled phonetics_recall_at_1 phonetics_recall_at_1_controlled partial_correlation
layer01 yue cmn 30 0.5 0.1 0.05 16 0.25 0.4 0.1 0.133333 0 -0.0126
layer01 cmn yue 10 0.9 0.1 0.05 4 0.75 0.8 0.1 0.6 0 -
layer01 all all 40 0.6 0.1 0.05 20 0.35 0.48 0.1 0.25 0 -0.0126
layer02 yue cmn 30 0.6 0.1 0.05 16 0.5 0.6 0.1 0.133333 0 0.2
layer02 cmn yue 10 1 0.1 0.05 4 1 1 0.1 0.6 0 0.4
layer02 all all 40 0.7 0.1 0.05 20 0.6 0.68 0.1 0.25 0 0.3
""".replace("\n ", " ")
BINS = """layer bin low high n recall_at_1 chance
layer01 1 0.05 0.204 20 0.75 0.1
layer01 2 0.206 0.5 20 0.45 0.1
layer02 1 0.05 0.204 20 0.8 0.1
"""


def control(exp: Path, name="test", controlled=CONTROLLED, bins=BINS) -> None:
    """The tables of the pronunciation control; a cell - is empty."""
    for file, text in (("controlled.tsv", controlled), ("bins.tsv", bins)):
        cells = [["" if cell == "-" else cell for cell in line.split(" ")] for line in text.splitlines()]
        write(exp / "control" / name / file, "".join("\t".join(row) + "\n" for row in cells))


def test_sound_of_the_chosen_layer_by_pair_and_pooled_and_of_every_layer(exp, unrendered):
    control(exp)
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Meaning or sound")
    assert body[0][2:] == [
        *("R@1", "sound alone R@1", "n controlled"),
        *("R@1 controlled", "chance controlled", "partial correlation"),
    ]
    assert body[1:4] == [
        ["cmn", "yue", "90.0", "60.0", "4", "75.0", "10.0", "–"],
        ["yue", "cmn", "50.0", "13.3", "16", "25.0", "10.0", "-0.013"],
        ["all", "all", "60.0", "25.0", "20", "35.0", "10.0", "-0.013"],
    ]
    assert body[4:] == [
        ["layer", "R@1", "R@1 controlled", "n controlled", "partial correlation"],
        ["layer01", "60.0", "35.0", "20", "-0.013"],
        ["layer02", "70.0", "60.0", "20", "0.300"],
    ]
    section = text.split("## Meaning or sound")[1].split("\n## ")[0]
    assert [line.split()[1] for line in section.splitlines() if line.startswith("| **")] == [
        "**all**",
        "**layer01**",
    ]
    assert "a perfect ranking comes to about 0.52." in section  # sqrt(3 / (10 + 1))


def test_sound_says_what_was_compared_with_what(exp, unrendered):
    control(exp)
    text = report(exp, "dev", ["test"]).read_text()
    assert (
        text.index("## Variety by variety") < text.index("## Meaning or sound") < text.index("## Character")
    )
    assert "contains only queries that sound alone gets wrong" in text
    assert "no nearer than the quantile 0.05 of" in text
    assert "After Shim et al. (2025, arXiv 2505.19606)" in text and "the definitions are ours" in text
    assert (
        "On test, sound alone has R@1 25.0 %, layer01 60.0 % (40 queries of all pairs together, chance 10.0 %). "
        "On the 20 controlled queries the layer has 35.0 %, chance 10.0 %, and sound alone none by construction."
    ) in text
    assert "in percent: layer01 60.0 and 35.0, layer02 70.0 and 60.0.](<images/control.png>)" in text
    assert "in percent: 0.05 to 0.20 75.0, 0.21 to 0.50 45.0.](<images/bins.png>)" in text
    assert "in 2 bins of 20 queries." in text
    assert "sound alone" not in str(rows(text, "Systems compared"))


def test_figures_of_sound_show_the_numbers(exp):
    control(exp)
    found = results.read(exp, "dev", ["test"]).control["test"]
    axes = figures.control(found.pooled, "test").axes[0]
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[60, 70], [35, 60]]
    assert [line.get_ydata()[0] for line in axes.lines] == [25, 10]
    axes = figures.bins(found.bins, "test").axes[0]
    assert [bar.get_height() for bar in axes.containers[0]] == [75, 45]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.05–0.20", "0.21–0.50"]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(10)


def test_sound_on_the_page_and_in_the_images(exp):
    scores(exp / "retrieval" / "far", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    control(exp)
    control(exp, "far")
    text = report(exp, "dev", ["test", "far", "plain"]).read_text()
    assert {"control.png", "control_far.png", "bins.png", "bins_far.png"} <= {
        path.name for path in (exp / "images").iterdir()
    }
    assert "No IPA (utt2ipa) was compared on plain, so sound is not controlled for there." in text
    assert Page(exp / "report.html").tags.count("img") == 2 + 4 + 1


def test_without_ipa_one_sentence_says_that_sound_is_not_controlled_for(made):
    section = made.read_text().split("## Meaning or sound")[1].split("\n## ")[0]
    assert section.strip() == "No IPA (utt2ipa) was compared on test, so sound is not controlled for there."


def test_sound_without_a_chosen_layer_shows_all_of_them(exp):
    control(exp)
    text = report(exp, "", ["test"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")] == ["layer", "layer01", "layer02"]
    assert "On test, sound alone has R@1 25.0 % (40 queries" in text
    assert not (exp / "images" / "bins.png").exists()


def test_where_sound_gets_every_query_right_nothing_can_be_told(exp):
    lines = ["layer01 cmn yue 10 0.9 0.1 0.05 0 - - - 1 - -", "layer01 all all 10 0.9 0.1 0.05 0 - - - 1 - -"]
    control(exp, controlled="\n".join([CONTROLLED.splitlines()[0], *lines]))
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Meaning or sound")[2] == ["all", "all", "90.0", "100.0", "0", "–", "–", "–"]
    assert "No query is controlled, so this set cannot tell meaning from sound." in text
    assert "the layer has" not in text


def test_many_pairs_are_left_to_the_file(exp, unrendered):
    line = "layer01 {} {} 30 0.5 0.1 0.05 16 0.25 0.4 0.1 0.1 0 0.1".format
    pairs = [line(a, b) for a, b in permutations([f"s{n:02d}" for n in range(11)], 2)]
    control(exp, controlled="\n".join([CONTROLLED.splitlines()[0], *pairs, line("all", "all")]))
    text = report(exp, "dev", ["test"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")[:3]] == ["source", "all", "layer"]
    assert "The 110 pairs are in control/test/controlled.tsv." in text


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "controlled",
            "40 0.6 ",
            "40 1.6 ",
            r"controlled.tsv:4: recall_at_1 is a fraction in \[0, 1\], got '1.6'",
        ),
        ("controlled", "0.05 20 0.35", "0.05 20 much", "recall_at_1_controlled is .* or nothing, got 'much'"),
        (
            "controlled",
            "0.05 4 0.75",
            "0.05 - 0.75",
            "tsv:3: n_controlled is a whole number from 0 up, got ''",
        ),
        ("controlled", "0.2\n", "1.2\n", r"tsv:5: partial_correlation is a number in \[-1, 1\] or nothing"),
        ("controlled", " quantile ", " quantum ", "controlled.tsv:1: the columns are .* named quantile"),
        ("controlled", "layer02 cmn yue", "layer02 yue cmn", "one row a layer and pair, got layer02 yue cmn"),
        ("controlled", "layer02 all all", "layer02 all cmn", "every layer has the same ordered pairs"),
        ("controlled", "all all", "both both", "controlled.tsv: the last row of a layer is from all to all"),
        (
            "controlled",
            "layer01",
            "layer00",
            "controlled.tsv: the layer chosen is layer01, got layer00, layer02",
        ),
        (
            "bins",
            "layer01",
            "layer00",
            "bins.tsv: the layer chosen is layer01, got layer00, layer02: control",
        ),
        ("bins", "1 0.05", "0 0.05", "bins.tsv:2: bin is a whole number above 0, got '0'"),
        ("bins", "0.5 20", "5 20", "bins.tsv:3: high is a fraction"),
    ],
)
def test_malformed_control_is_refused_with_the_line(exp, file, old, new, message):
    tables = {"controlled": CONTROLLED, "bins": BINS}
    assert old in tables[file]
    tables[file] = tables[file].replace(old, new)
    control(exp, "test", **tables)
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


def test_page_needs_nothing_from_elsewhere(made):
    page = Page(made.with_name("report.html"))
    links = [
        value for tag, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")
    ]
    assert len(links) == 2  # layers, training; the heat map is a table
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links)
    source = made.with_name("report.html").read_text()
    assert not re.search(r"https?://|@import|url\(", source)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert ("html", "lang", "en") in page.attributes
    assert ("meta", "name", "viewport") in page.attributes
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == 2 and "layer01 70.0, layer02 80.0" in alts[0]


def test_tables_scroll_in_their_own_box(made):
    source = made.with_name("report.html").read_text()
    assert source.count("<table") == len(re.findall(r'<div class="scroll"[^>]*>\s*<table', source)) == 9


def test_images_are_png_and_a_second_run_gives_the_same_bytes(exp):
    def written() -> dict[str, bytes]:
        report(exp, "dev", ["test"])
        return {p.name: p.read_bytes() for p in (*exp.glob("*.*"), *exp.glob("images/*"))}

    first = written()
    for name in ("heatmap.png", "layers.png", "training.png"):
        assert first[name].startswith(b"\x89PNG\r\n\x1a\n")
    assert written() == first
    assert not [name for name in first if "partial" in name]


BAD = "layer\tsource\ttarget\tn\trecall_at_1\trecall_at_5\tmrr\tchance\n# a comment\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BAD + "l\ta\tb\t10\t1.5\t1\t1\t0.1\n",
            r"pairs.tsv:3: recall_at_1 is a fraction in \[0, 1\], got '1.5'",
        ),
        (
            BAD + "l\ta\tb\t10\t1\tnan\t1\t0.1\n",
            r"pairs.tsv:3: recall_at_5 is a fraction in \[0, 1\], got 'nan'",
        ),
        (BAD + "l\ta\tb\t10\t1\t1\t\t0.1\n", r"pairs.tsv:3: mrr is a fraction in \[0, 1\], got ''"),
        (BAD + "l\ta\tb\t0\t1\t1\t1\t0.1\n", "pairs.tsv:3: n is a whole number above 0, got '0'"),
        (BAD + "l\ta\tb\t10\t1\t1\n", "pairs.tsv:3: 8 columns"),
        ("layer\tsource\nl\ta\n", "pairs.tsv:1: the columns are .* got none named target n recall_at_1"),
        (BAD + 2 * "l\ta\tb\t10\t1\t1\t1\t0.1\n", "pairs.tsv: one row a layer and pair, got l a b twice"),
        (
            BAD + "l\ta\tb\t9\t1\t1\t1\t0.1\nm\ta\tc\t9\t1\t1\t1\t0.1\n",
            "every layer has the same ordered pairs",
        ),
    ],
)
def test_malformed_pairs_are_refused_with_the_line(exp, text, message):
    write(exp / "retrieval" / "test" / "pairs.tsv", text)
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])
    assert not (exp / "RESULTS.md").exists()


def test_other_malformed_files_are_refused(exp):
    write(exp / "train.json", '{\n"seed": }')
    with pytest.raises(DataError, match=r"train.json:2: must be JSON"):
        report(exp, "dev", ["test"])
    write(exp / "train.json", "[1]")
    with pytest.raises(DataError, match="must be a JSON object, got a list"):
        report(exp, "dev", ["test"])
    write(exp / "train.json", "{}")
    write(exp / "history.tsv", HISTORY.replace("80.5", "much"))
    with pytest.raises(DataError, match=r"history.tsv:2: train_loss is a number or nothing, got 'much'"):
        report(exp, "dev", ["test"])


def test_a_chosen_layer_that_the_test_set_lacks_is_refused(exp):
    scores(exp / "retrieval" / "test", {"layer02": (0.78, 0.82)})
    with pytest.raises(DataError, match="dev chose layer01, got scores of layer02"):
        report(exp, "dev", ["test"])


def test_scores_of_the_dev_set_are_no_test(exp):
    with pytest.raises(UserError, match="the layer is chosen on this set"):
        report(exp, "dev", ["test", "dev"])
    with pytest.raises(UserError, match="no such experiment folder"):
        report(exp / "nowhere", "dev", ["test"])


def test_a_diverged_loss_is_a_gap(exp, unrendered):
    write(exp / "history.tsv", HISTORY.replace("45.5", "nan"))
    assert "ends at: accuracy (%) 45.0" in report(exp, "dev", ["test"]).read_text()


def test_number_formats():
    assert [percent(x) for x in (None, 0.0, 0.0125, 0.7749, 1.0)] == ["–", "0.0", "1.3", "77.5", "100.0"]
    assert [duration(x) for x in (0, 59.94, 59.96, 725, 3599.6, 3725)] == [
        "0.0 s",
        "59.9 s",
        "1 min 00 s",
        "12 min 05 s",
        "1 h 00 min",
        "1 h 02 min",
    ]


def test_markdown_is_padded_and_aligned():
    table = Table("t", "c", ("name", "x"), (("a|b", "1.0"), ("c", "20.0")), marked=frozenset({1}))
    assert markdown(table).splitlines() == [
        "| name  |        x |",
        "| ----- | -------: |",
        "| a\\|b  |      1.0 |",
        "| **c** | **20.0** |",
    ]
