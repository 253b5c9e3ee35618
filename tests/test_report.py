"""The report of fabricated experiments: every expected number is worked out by hand beside it."""

import base64
import json
import os
import platform
import re
import select
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan import datadir
from fangyan.errors import DataError, UserError
from fangyan.report import breakdown, curves, figures, headline, report, results, sitemap, tables
from fangyan.report.results import Mean, Pair, choose
from fangyan.report.sitemap import Site
from fangyan.report.tables import Table, duration, markdown, percent

PAIRS = ("layer", "source", "target", "n", "recall_at_1", "recall_at_5", "mrr", "chance")
GROUPS = (
    *("layer", "source_group", "target_group", "pairs"),
    *("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "median_rank", "chance"),
)
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
        self.open, self.tags, self.attributes, self.text, self.classes = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        self.classes.append(dict(attributes).get("class"))
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


def test_one_layer_without_a_dev_set_is_all_there_is_even_if_it_is_several(exp):
    scores(exp / "retrieval" / "test", {"layer03+layer10": (0.62, 0.78)})
    (exp / "retrieval_pooled" / "test" / "pairs.tsv").unlink()
    text = report(exp, "", ["test"]).read_text()
    assert rows(text, "Layer by layer")[1][:3] == ["layer03+layer10", "70.0", "–"]
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
    lines = [GROUPS] + [("layer01", a, b, n, r, 1, 1, 1, 1, 0.0125) for a, b, n, r in cells]
    write(exp / "retrieval" / "test" / "groups.tsv", "".join("\t".join(map(str, x)) + "\n" for x in lines))


def three_varieties(exp: Path, *codes: str) -> None:
    """R@1 0.1 a>b, 0.2 a>c, 0.3 b>a, 0.4 b>c, 0.5 c>a, 0.6 c>b on both sets."""
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"layer01": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, codes)


def test_groups_are_shown_where_they_are_coarser_than_varieties(exp):
    three_varieties(exp, "cmn", "yue", "site")
    groups(exp, ("yue", "mandarin", 2, 0.35), ("mandarin", "yue", 2, 0.15))
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Variety by variety")[4:] == [
        ["source / target", "mandarin", "yue"],
        ["mandarin", "–", "15.0"],
        ["yue", "35.0", "–"],
    ]
    assert "](<images/groups.png>)" in text and (exp / "images" / "groups.png").exists()
    assert "Dashed" not in text and "extension" not in Page(exp / "report.html").classes


def test_pairs_within_a_group_are_marked_as_an_extension_of_the_protocol(exp):
    three_varieties(exp, "cmn", "yue", "site")
    groups(exp, ("yue", "gan", 2, 0.7), ("gan", "yue", 2, 0.2), ("yue", "yue", 1, 0.9))
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Variety by variety")[4:] == [
        ["source / target", "yue", "gan"],
        ["yue", "90.0†", "70.0"],
        ["gan", "20.0", "–"],
    ]
    assert (
        "The 2 cells across groups, those of the published protocol (Chang et al. 2026), have a mean of 45.0 %."
        in text
    )
    assert "Dashed, †: pairs of varieties within a group, which it lacks." in text
    assert Page(exp / "report.html").classes.count("dark extension") == 1
    table = breakdown.groups(results.read(exp, "dev", ["test"]), "test")
    boxes = figures.heatmap(table).axes[0].patches
    assert [(box.get_x(), box.get_y()) for box in boxes] == [(-0.44, -0.44)]


def test_groups_of_codes_and_of_the_table_are_in_the_order_of_the_table():
    names = ["zh_standard", "gan", "wuu", "mandarin", "hak", "yue", "min"]
    wanted = ["mandarin", "yue", "hak", "min", "wuu", "gan", "zh_standard"]
    assert sorted(names, key=breakdown.group_order) == wanted


def test_groups_that_would_repeat_the_matrix_are_left_out(exp, unrendered):
    groups(exp, ("yue", "mandarin", 1, 0.78), ("mandarin", "yue", 1, 0.62))
    assert len(rows(report(exp, "dev", ["test"]).read_text(), "Variety by variety")) == 3


SITES = ("03E88", "04G96", "32C89")
"""Beijing, Shanghai and Hong Kong."""


def data_directory(path: Path, wording: dict[str, str], codes=SITES, groups=None) -> Path:
    """A data directory in which everybody says the sentences of ``wording``, Mandarin by sentence; its folder."""
    utterances = [
        datadir.Utterance(f"{code}-{key}", "/nowhere.wav", text, code, code, key, 1.0, text)
        for code in codes
        for key, text in wording.items()
    ]
    datadir.write(path, utterances, groups=groups)
    return path.parent


def test_a_map_shows_where_the_varieties_are_and_how_well_they_are_found(exp):
    three_varieties(exp, *SITES)
    data = data_directory(
        exp / "data" / "test", {"s": "我"}, groups=dict(zip(SITES, ("n", "w", "y"), strict=True))
    )
    found = results.read(exp, "dev", ["test"], data=data)
    assert breakdown.sites(found, "test") == [
        Site("03E88", "n", 116.4, 39.91, pytest.approx((0.1 + 0.2 + 0.3 + 0.5) / 4)),
        Site("04G96", "w", 121.52, 31.26, pytest.approx((0.1 + 0.6 + 0.3 + 0.4) / 4)),
        Site("32C89", "y", 114.16, 22.29, pytest.approx((0.5 + 0.6 + 0.2 + 0.4) / 4)),
    ]
    axes = sitemap.draw(breakdown.sites(found, "test"), "test").axes[0]
    assert [dots.get_offsets().tolist() for dots in axes.collections] == [
        [[116.4, 39.91]],
        [[121.52, 31.26]],
        [[114.16, 22.29]],
    ]
    assert [float(dots.get_array()[0]) for dots in axes.collections] == pytest.approx([27.5, 35, 42.5])
    assert axes.get_aspect() == pytest.approx(1.1685, abs=1e-4)  # 1 / cos(31.153 degrees)
    text = report(exp, "dev", ["test"], data=data).read_text()
    assert "](<images/map.png>)" in text and (exp / "images" / "map.png").exists()
    assert "coloured by mean R@1: from 27.5 % (03E88) to 42.5 % (32C89)." in text
    assert "no known place" not in text


def test_varieties_without_a_place_are_left_out_of_the_map_and_counted(exp, unrendered):
    codes = (*SITES, "99X99", "cmn")
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"layer01": [0.5] * 20}, codes)
    text = report(exp, "dev", ["test"]).read_text()
    assert "Map of 3 varieties" in text
    assert "Shape: group. 2 of 5 varieties have no known place and are left out." in text


def test_there_is_no_map_of_two_places(exp, unrendered):
    three_varieties(exp, *SITES[:2], "cmn")
    assert "images/map.png" not in report(exp, "dev", ["test"]).read_text()


def test_sites_of_more_groups_than_shapes_look_alike():
    sites = [Site(f"{n}", f"g{n}", 100 + n, 30, 0.5) for n in range(len(sitemap.SHAPES) + 1)]
    assert not sitemap.draw(sites, "test").legends and set(sitemap.shapes_of(sites).values()) == {"o"}
    assert len(sitemap.draw(sites[1:], "test").legends[0].get_texts()) == len(sitemap.SHAPES)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_the_classes_of_the_map_hold_every_site_and_are_percent(values):
    edges = sitemap._edges(values)
    assert len(edges) == 6 and len({b - a for a, b in pairwise(edges)}) == 1
    assert 0 <= edges[0] <= min(values) and max(values) <= edges[-1] <= 100


def test_the_classes_of_the_map_are_as_narrow_as_the_sites_allow():
    assert sitemap._edges([62.0, 66.9]) == [62, 63, 64, 65, 66, 67]
    assert sitemap._edges([62.0, 67.1]) == [62, 64, 66, 68, 70, 72]
    assert sitemap._edges([100.0]) == [95, 96, 97, 98, 99, 100]
    assert sitemap._edges([4.0, 81.0]) == [0, 20, 40, 60, 80, 100]


RANKS = "layer\tsource\ttarget\tquery\tsentence\trank\tright\tcandidates\n"


def ranks(exp: Path, ranks: dict[str, tuple[int, ...]], layer="layer01", name="test") -> None:
    """ranks.tsv with the given ranks of each sentence among 10 candidates, after those of a worse layer."""
    lines = [
        f"{at}\tcmn\tyue\t{key}-{n}\t{key}\t{rank}\t1\t10\n"
        for at, places in (("layer00", dict.fromkeys(ranks, (10, 10))), (layer, ranks))
        for key, found in places.items()
        for n, rank in enumerate(found)
    ]
    write(exp / "retrieval" / name / "ranks.tsv", RANKS + "".join(lines))


def test_sentences_are_ordered_by_recall_then_reciprocal_rank(exp, unrendered):
    ranks(exp, {"easy": (1, 1), "slow": (1, 10), "fair": (1, 2), "hard": (2, 4, 4)})
    data = data_directory(exp / "data" / "test", {"easy": "我", "slow": "你", "fair": "他", "hard": "她们"})
    text = report(exp, "dev", ["test"], data=data).read_text()
    assert rows(text, "Sentence by sentence") == [
        ["#", "sentence", "Mandarin", "N", "R@1", "MRR"],
        ["1", "hard", "她们", "3", "0.0", "33.3"],  # (1/2 + 1/4 + 1/4) / 3
        ["2", "slow", "你", "2", "50.0", "55.0"],
        ["3", "fair", "他", "2", "50.0", "75.0"],
        ["4", "easy", "我", "2", "100.0", "100.0"],
    ]
    assert "1 is the hardest of 4 sentences, chance 10.0 %." in text


def test_of_many_sentences_the_first_and_the_last_are_shown(exp, unrendered):
    ranks(exp, {f"s{n:02d}": (max(1, 8 - n),) for n in range(14)})  # s07 and the later ones are found
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Sentence by sentence")
    assert body[0] == ["#", "sentence", "N", "R@1", "MRR"]  # no data directory, no wording
    assert [row[:2] for row in body[1:]] == [
        *(["1", "s00"], ["2", "s01"], ["3", "s02"], ["4", "s03"], ["5", "s04"]),
        *(["10", "s09"], ["11", "s10"], ["12", "s11"], ["13", "s12"], ["14", "s13"]),
    ]
    assert "7 sentences are always found." in text


def test_the_wording_of_a_sentence_is_the_one_that_most_utterances_have(exp, unrendered):
    ranks(exp, {"s1": (1,), "s2": (2,)})
    wordings = {"a": ("好", "去"), "b": ("好吗", "走"), "c": ("好吗", "去")}
    utterances = [
        datadir.Utterance(f"{v}-s{n}", "/x.wav", "x", v, v, f"s{n}", 1.0, text)
        for v, texts in wordings.items()
        for n, text in enumerate(texts, 1)
    ]
    datadir.write(exp / "data" / "test", utterances)
    text = report(exp, "dev", ["test"], data=exp / "data").read_text()
    assert [row[1:3] for row in rows(text, "Sentence by sentence")[1:]] == [["s2", "去"], ["s1", "好吗"]]


def test_without_ranks_or_without_a_layer_one_sentence_says_so(exp, made, unrendered):
    assert "No ranks of single queries were found on test: run the stage retrieve again." in made.read_text()
    ranks(exp, {"s": (1,)})
    assert "No layer was selected, so sentences are not compared" in report(exp, "", ["test"]).read_text()


def test_malformed_ranks_and_those_of_other_layers_are_refused(exp):
    ranks(exp, {"s": (1,)}, layer="layer02")
    with pytest.raises(DataError, match="ranks.tsv: the layer chosen is layer01, got none of its ranks"):
        report(exp, "dev", ["test"])
    ranks(exp, {"s": (11,)})
    with pytest.raises(DataError, match=r"ranks.tsv:4: .* got rank 11, 1 of 10 right"):
        report(exp, "dev", ["test"])
    ranks(exp, {"s": (1,)})
    with pytest.raises(DataError, match=r"data.test.wav.scp: no such file"):
        report(exp, "dev", ["test"], data=exp / "data")


INTERVALS = """layer metric mean low high n clusters chance
layer01 recall_at_1 0.7 0.61 0.785 160 80_sentences 0.0125
layer01 mrr 0.77 0.7 0.8 160 80_sentences 0.0125
layer02 recall_at_1 0.8 0.75 0.9 160 80_sentences 0.0125
layer02 mrr 0.88 0.8 0.9 160 80_sentences 0.0125
"""


def intervals(exp: Path, name="test", text=INTERVALS) -> None:
    table = text.replace(" ", "\t").replace("_sentences", " sentences")
    write(exp / "intervals" / name / "intervals.tsv", table)


def test_intervals_stand_in_brackets_and_say_what_was_drawn(exp):
    intervals(exp)
    path = report(exp, "dev", ["test"])
    text = path.read_text()
    cells = [cell.strip() for cell in headline(path).splitlines()[4].strip("|").split("|")]
    assert cells[1:4] == ["layer01", "70.0 (61.0–78.5)", "84.0"]
    assert "In brackets: 95 % intervals, bootstrap over 80 sentences." in headline(path)
    body = rows(text, "Layer by layer")
    assert [row[1] for row in body[1:3]] == ["60.0", "50.0"]  # dev has none
    assert [row[1] for row in body[4:6]] == ["70.0 (61.0–78.5)", "80.0 (75.0–90.0)"]
    assert text.count("In brackets") == 2  # headline, layers of test
    assert text.count("Vertical bars: 95 % intervals, bootstrap over 80 sentences.") == 1
    page = Page(exp / "report.html")
    assert "chance 1.3\u00a0%. 95\u00a0% interval 61.0–78.5\u00a0%. CER" in "".join(page.text)


def test_intervals_are_vertical_bars_at_their_layer(exp):
    intervals(exp)
    axes = curves.layers(results.read(exp, "dev", ["test"]), "test").axes[0]
    (bars,) = axes.collections
    assert [segment.tolist() for segment in bars.get_segments()] == [
        [[0, 61], [0, 78.5]],
        [[1, 75], [1, 90]],
    ]


def test_without_intervals_nothing_is_said_about_them(made):
    assert not re.search(r"bracket|interval|bootstrap|Vertical", made.read_text())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.7 0.61", "0.7 -0.61", r"intervals.tsv:2: low is a fraction in \[0, 1\], got '-0.61'"),
        ("clusters", "drawn", "intervals.tsv:1: the columns are .* got none named clusters"),
        ("0.61 0.785", "0.785 0.61", "intervals.tsv: low is at most high, got 0.785 and 0.61 in layer01"),
        (
            "0.7 0.61",
            "0.71 0.61",
            "pairs.tsv has a mean recall_at_1 of 0.7 in layer01, got 0.71: make the inter",
        ),
        ("layer02 recall_at_1", "layer02 recall", "layers layer01, layer02 has one row of .*, got layer01$"),
        ("layer01 mrr", "layer01 recall_at_1", "one row of recall_at_1, got layer01, layer01, layer02"),
    ],
)
def test_malformed_intervals_and_those_of_other_scores_are_refused(exp, old, new, message):
    assert old in INTERVALS
    intervals(exp, text=INTERVALS.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


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
    assert "Sound was not controlled for on plain: run the stage retrieve." in text
    assert Page(exp / "report.html").tags.count("img") == 2 + 4 + 1


def test_without_control_and_without_words_two_sentences_say_so(made):
    section = made.read_text().split("## Meaning or sound")[1].split("\n## ")[0]
    assert section.strip().split("\n\n") == [
        "Sound was not controlled for on test: run the stage retrieve.",
        "Word by word, meaning was not tested against sound: --word_test true does it.",
    ]


SOURCES = "variety\tsource\tutterances\n"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (("cmn utt2ipa 80", "hak utt2ipa 160"), "utt2ipa of the data (240)"),
        (("cmn pypinyin 945", "yue ToJyutping 819"), "read by pypinyin (945), ToJyutping (819)"),
        (
            ("cmn pypinyin 3", "cmn utt2ipa 4", "wuu none 5", "nan none 1"),
            "utt2ipa of the data (4); read by pypinyin (3); none for 6 utterances, which take no part",
        ),
    ],
)
def test_where_ipa_came_from_is_said(exp, unrendered, sources, said):
    table = SOURCES + "".join(row.replace(" ", "\t") + "\n" for row in sources)
    control(exp)
    write(exp / "control" / "test" / "pronunciation.tsv", table)
    write(exp / "control" / "far" / "pronunciation.tsv", table)
    text = report(exp, "dev", ["test", "far"]).read_text()
    assert f"\nIPA on test: {said}.\n" in text
    assert (
        "\nSound cannot be controlled for on far, which takes two varieties that share 2 sentences with IPA: "
        f"{said}.\n" in text
    )
    assert "was not controlled" not in text


def test_sources_of_ipa_are_read_strictly(exp):
    write(exp / "control" / "test" / "pronunciation.tsv", SOURCES + "cmn\tutt2ipa\t0\n")
    with pytest.raises(
        DataError, match=r"pronunciation.tsv:2: utterances is a whole number above 0, got '0'"
    ):
        report(exp, "dev", ["test"])


TRIPLES = """layer n voices preference low high chance
norm 8 4 0.25 0.2 0.3 0.5
layer01 8 4 0.5 0.405 0.625 0.5
"""
WORDS = """layer source target word synonym homophone preference margin
layer01 cmn yue w4 s4 h4 0.5 0.1
layer01 cmn yue w1 s1 h1 0 -0.3
layer01 cmn yue w8 s8 h8 1 0.4214
layer01 yue cmn w2 s2 h2 0 -0.2
norm cmn yue w4 s4 h4 0 0
layer01 cmn yue w6 s6 h6 0.75 0.1
layer01 cmn yue w5 s5 h5 0.5 0.2
layer01 cmn yue w3 s3 h3 0.25 -0.9
layer01 cmn yue w7 s7 h7 1 0.05
"""


def words(home: Path, layers=TRIPLES, triples=WORDS) -> None:
    """The tables of the word-level test of an experiment or a baseline."""
    for file, text in (("layers.tsv", layers), ("words.tsv", triples)):
        write(home / "synonymy" / file, text.replace(" ", "\t"))


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
        ["6", "cmn > yue", "w6", "75.0", "+0.100"],
        ["7", "cmn > yue", "w7", "100.0", "+0.050"],
        ["8", "cmn > yue", "w8", "100.0", "+0.421"],
    ]
    assert "Word by word: 8 triples" in text and "spoken by 4 voices" in text
    assert "Below 50.0 % sound wins." in text
    assert "in percent: layer01 50.0, norm 25.0.](<images/words.png>)" in text
    assert "**layer01**" in text.split("Word by word")[1] and "**norm**" not in text
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


def test_words_without_a_chosen_layer_show_no_triples(exp, unrendered):
    words(exp)
    text = report(exp, "", ["test"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")] == ["layer", "layer01", "norm"]
    assert "Ring" not in text and "Bold" not in text.split("Word by word")[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5 0.405", "1.5 0.405", r"layers.tsv:3: preference is a fraction in \[0, 1\], got '1.5'"),
        ("0.405 0.625", "0.625 0.405", "layers.tsv: low is at most high, got 0.625 and 0.405 in layer01"),
        ("norm", "layer01", "layers.tsv: one row a layer, got layer01, layer01"),
        ("voices", "speakers", "layers.tsv:1: the columns are .* got none named voices"),
    ],
)
def test_malformed_words_are_refused(exp, old, new, message):
    assert old in TRIPLES
    words(exp, TRIPLES.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


EXITS = """layer variety sentences characters errors cer
norm cmn 10 100 10 0.1
norm yue 10 100 26 0.26
norm all 20 200 36 0.18
layer02 cmn 10 100 50 0.5
layer02 yue 10 100 150 1.5
layer02 all 20 200 200 1
"""


def early_exit(exp: Path, text=EXITS, name="test") -> None:
    """The character error rates by exit layer."""
    write(exp / "early_exit" / name / "cer.tsv", text.replace(" ", "\t"))


def test_recognition_by_exit_layer_stands_beside_alignment(exp):
    early_exit(exp)
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Character error rate")[8:] == [
        ["layer", "R@1", "CER", "CER cmn", "CER yue"],
        ["layer02", "80.0", "100.0", "50.0", "150.0"],
        ["norm", "–", "18.0", "10.0", "26.0"],
    ]
    assert "in percent: layer02 100.0, norm 18.0; beside it mean R@1.](<images/exits.png>)" in text
    assert "over all 200 characters and by variety" in text and "CER above 105 % is in the table." in text
    axes = curves.exits(results.read(exp, "dev", ["test"]), "test").axes[0]
    drawn = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
    assert drawn == {
        "CER cmn": ([0, 1], [50, 10]),
        "CER yue": ([0, 1], [150, 26]),
        "R@1": ([0], [80]),
        "CER": ([0, 1], [100, 18]),
    }
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "norm"]


def test_exits_of_many_varieties_are_left_to_the_file(exp, unrendered):
    codes = [f"s{n:02d}" for n in range(21)]
    lines = [f"{code} 1 10 1 0.1" for code in codes] + ["all 21 210 21 0.1"]
    header = "variety sentences characters errors cer"
    write(exp / "decode" / "test" / "cer.tsv", "\n".join([header, *lines]).replace(" ", "\t"))
    early_exit(
        exp, "\n".join([f"layer {header}", *(f"{x} {line}" for x in ("layer01", "norm") for line in lines)])
    )
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Character error rate")[-2:] == [["layer01", "70.0", "10.0"], ["norm", "–", "10.0"]]
    assert "The 21 varieties are in early_exit/test/cer.tsv." in text
    assert "is in the table" not in text
    axes = curves.exits(results.read(exp, "dev", ["test"]), "test").axes[0]
    assert len(axes.lines) == 23 and axes.get_legend_handles_labels()[1] == ["R@1", "CER"]


def test_without_exits_one_sentence_names_the_option(made, tmp_path):
    section = made.read_text().split("## Character error rate")[1].split("\n## ")[0]
    assert section.strip().endswith(
        "No earlier layer was decoded from: --exit_layers names those to decode from."
    )
    assert (
        "--exit_layers" not in report(tmp_path, "dev", ["test"]).read_text()
    )  # where nothing was decoded at all


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("200 200 1", "200 200 x", "cer.tsv:7: cer is a number from 0 up, got 'x'"),
        (
            "100 26 0.26",
            "100 25 0.25",
            "the rows of norm are those of the whole model, got others than decode/test",
        ),
        ("norm", "layer03", "the rows of norm are those of the whole model"),
        ("layer02 yue", "layer02 hak", "layer02 has a row for each of cmn yue all, got cmn hak all"),
        ("layer variety", "exit variety", "cer.tsv:1: the columns are .* got none named layer"),
    ],
)
def test_malformed_exits_and_those_of_another_model_are_refused(exp, old, new, message):
    assert old in EXITS
    early_exit(exp, EXITS.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


def test_exits_of_a_set_that_was_not_decoded_are_refused(exp):
    early_exit(exp, name="far")
    with pytest.raises(
        DataError, match="got others than decode/far has: run the stages decode and score again"
    ):
        report(exp, "dev", ["test", "far"])


TELLING = """folder kind answer query candidate score margin
hit1 hit right cmn-a yue-a 0.9 0.25
hit2 hit right yue-b cmn-b 0.8 0.125
hit3 hit right yue-c cmn-c 0.7 0.1
miss1_wrong miss wrong cmn-d yue-e 0.75 -0.0625
miss1_right miss right cmn-d yue-d 0.6875 -0.0625
"""
CHARACTERS = """side number character contribution
query 1 我 0.1
query 2 吃 0.4
query 3 早 0.05
query 4 饭 0.2
target 1 食 0.5
target 2 <b> 0.25
"""
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


def explained(exp: Path, telling=TELLING, characters=CHARACTERS, name="test") -> None:
    """Explanations as they are listed, all with the same characters and the smallest picture there is."""
    folder = exp / "explain" / name
    write(folder / "telling.tsv", telling.replace(" ", "\t"))
    for line in telling.splitlines()[1:]:
        home = folder / line.split()[0]
        write(home / "characters.tsv", characters.replace(" ", "\t"))
        (home / "similarity.png").write_bytes(DOT)


def test_hits_and_misses_say_what_was_found_and_which_characters_did_it(exp):
    explained(exp)
    text = report(exp, "dev", ["test"]).read_text()
    assert text.index("## Sentence by") < text.index("## Hits and misses") < text.index("## Meaning or sound")
    section = text.split("## Hits and misses\n")[1].split("\n## ")[0].strip().split("\n\n")
    most = "Most to precision: 吃 0.40, 饭 0.20, 我 0.10; to recall: 食 0.50, &lt;b> 0.25."
    asked, found, wrong = "(我吃早饭)", "(食&lt;b>)", "the best wrong one"
    assert section[2::2] == [
        f"Hit: cmn-a {asked} finds its translation yue-a {found}. SeqSim 0.900, 0.250 ahead of {wrong}. {most}",
        f"Hit: yue-b {asked} finds its translation cmn-b {found}. SeqSim 0.800, 0.125 ahead of {wrong}. {most}",
        f"Miss: cmn-d {asked} finds yue-e {found}. SeqSim 0.750, 0.062 ahead of its translation. {most}",
        f"The same query cmn-d {asked} with its translation yue-d {found}. SeqSim 0.688. {most}",
    ]
    assert [line.rpartition("/")[2] for line in section[1:-1:2]] == [
        *("hit1.png>)", "hit2.png>)", "miss1_wrong.png>)", "miss1_right.png>)"),
    ]
    assert section[-1] == "All 5 pictures of test, with tables of frames and characters: explain/test/."
    assert (exp / "images" / "miss1_wrong.png").read_bytes() == DOT
    assert not (exp / "images" / "hit3.png").exists()
    page = Page(exp / "report.html")
    links = [value for tag, key, value in page.attributes if (tag, key) == ("img", "src")]
    assert links.count("data:image/png;base64," + base64.b64encode(DOT).decode()) == 4
    assert page.classes.count("paper") == 4


def test_explanations_without_characters_and_of_further_sets(exp, unrendered):
    explained(exp, characters=CHARACTERS.splitlines()[0])
    explained(exp, name="far")
    text = report(exp, "dev", ["test", "far"]).read_text()
    hit = "Hit: cmn-a finds its translation yue-a. SeqSim 0.900, 0.250 ahead of the best wrong one."
    assert f"{hit} No characters were found in it." in text
    assert "](<images/hit1_far.png>)" in text and (exp / "images" / "hit1_far.png").exists()


def test_without_explanations_there_is_no_section_of_them(made):
    assert "Hits and misses" not in made.read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.9 0.25", "high 0.25", "telling.tsv:2: score is a number, got 'high'"),
        (
            "hit right cmn-a",
            "hit wrong cmn-a",
            "kind and answer are hit right, miss right, miss wrong, got hit wrong",
        ),
        ("hit1", "", "similarity.png: no such file"),
    ],
)
def test_malformed_explanations_are_refused(exp, old, new, message):
    explained(exp)
    assert old in TELLING
    write(exp / "explain" / "test" / "telling.tsv", TELLING.replace(old, new, 1).replace(" ", "\t"))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


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


class Browser:
    """A headless Chromium, spoken to through pipes in the words of its developer tools."""

    FLAGS = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --remote-debugging-pipe"
    )

    def __init__(self, program: str, home: Path):
        (ours, self.out), (self.into, theirs) = os.pipe(), os.pipe()
        run = f'exec "$0" {self.FLAGS} --user-data-dir="$1" 3<&{ours} 4>&{theirs}'
        command = ["bash", "-c", run, program, str(home)]
        self.process = subprocess.Popen(command, pass_fds=(ours, theirs), stderr=subprocess.DEVNULL)
        os.close(ours), os.close(theirs)
        self.asked, self.unread, self.events, self.session = 0, b"", [], {}
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = {
            "sessionId": self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        }
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters):
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": parameters} | self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        return self.until(lambda event: event.get("id") == self.asked)["result"]

    def until(self, wanted):
        """The first event that is wanted; those before it, and it, are kept."""
        while True:
            while b"\0" not in self.unread:
                assert select.select([self.into], [], [], 60)[0], "the browser is silent"
                self.unread += os.read(self.into, 1 << 16) or pytest.fail("the browser has ended")
            line, _, self.unread = self.unread.partition(b"\0")
            self.events.append(json.loads(line))
            if wanted(self.events[-1]):
                return self.events[-1]

    def value(self, expression: str):
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return found["result"]["value"]

    def open(self, path: Path, width: int, scheme: str) -> None:
        self.events.clear()
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        self.until(lambda event: event.get("method") == "Page.loadEventFired")

    def said(self) -> list[str]:
        """The kinds of what was written to the console since the page was opened."""
        spoken = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [event["method"] for event in self.events if event.get("method") in spoken]

    def fetched(self) -> list[str]:
        """The addresses, but for those that hold their own content, of all that was loaded."""
        sent = [
            e["params"]["request"]["url"]
            for e in self.events
            if e.get("method") == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith("data:")]

    def images(self) -> list[int]:
        """The widths of the images, 0 for one that could not be loaded."""
        return self.value("[...document.images].map(image => image.naturalWidth)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    programs = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    program = next(programs, None) or pytest.skip("no Chromium here: apt-get install chromium")
    browser = Browser(program, tmp_path_factory.mktemp("browser"))
    yield browser
    browser.ask("Browser.close")
    browser.process.wait(60)


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    """The page of an experiment that has all that a report shows."""
    exp = experiment(tmp_path_factory.mktemp("everything") / "tag")
    three_varieties(exp, *SITES)
    groups(exp, ("yue", "wuu", 2, 0.35), ("wuu", "yue", 2, 0.15), ("wuu", "wuu", 2, 0.9))
    intervals(exp, text="".join(INTERVALS.splitlines(True)[:3]).replace("0.7 0.61", "0.35 0.31"))
    ranks(exp, {"s1": (1, 1), "s2": (1, 2)})
    control(exp)
    write(exp / "control" / "test" / "pronunciation.tsv", SOURCES + "cmn\tutt2ipa\t80\n")
    words(exp)
    early_exit(exp)
    explained(exp)
    data = data_directory(exp / "data" / "test", {"s1": "他们去吃饭", "s2": "我" * 40})
    report(exp, "dev", ["test"], "./run.sh --tag " + "x" * 300, data)
    return exp / "report.html"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_in_a_browser(browser, everything, width, scheme):
    browser.open(everything, width, scheme)
    assert browser.said() == []
    assert browser.fetched() == [everything.as_uri()]
    images = browser.images()
    assert len(images) == 11 and all(
        images
    )  # layers, map, 4 explained, control, bins, words, exits, training
    assert (
        browser.value("document.documentElement.scrollWidth") <= width
    )  # only tables and code scroll sideways
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    on_white = browser.value("getComputedStyle(document.querySelector('img.paper')).filter")
    assert (on_white == "none") == (scheme == "light")  # drawn on white, so turned round on a dark page


def test_the_browser_sees_what_a_bad_page_does(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='data:image/png;base64,AAAA'><img src='missing.png'><script>console.error(1); x.y</script>"
    )
    browser.open(page, 360, "light")
    assert set(browser.said()) >= {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
    assert browser.fetched() == [page.as_uri(), (tmp_path / "missing.png").as_uri()]
    assert browser.images() == [0, 0]


def test_a_layer_that_was_scored_alone_is_the_one_reported(exp, unrendered):
    scores(exp / "retrieval" / "test", {"layer03+layer04": (0.5, 0.6)})
    text = report(exp, "", ["test"]).read_text()
    assert "Bold: the layer scored alone." in text
    assert "layer03+layer04" in text.splitlines()[4]
    assert "No layer was selected" not in text
