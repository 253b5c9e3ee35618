"""`fangyan.report.sections.pronunciation_control`: the section "Meaning or sound", in words, tables and figures."""

from itertools import permutations

import pytest

from ..fabricated import CONTROLLED, SOURCES, control, report, scores, write
from ..reading import Page, rows


def test_sound_of_the_chosen_layer_by_pair_and_pooled_and_of_every_layer(exp, unrendered):
    control(exp)
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Meaning or sound")
    assert body[0][2:] == [
        *("R@1", "phonetic distance R@1", "n controlled"),
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
    assert "contains only queries that phonetic distance gets wrong" in text
    assert "no nearer than the quantile 0.05 of" in text
    assert "After Shim et al. (2025, arXiv 2505.19606)" in text and "the definitions are ours" in text
    assert (
        "On test, phonetic distance has R@1 25.0 %, layer01 60.0 % (40 queries of all pairs together, chance 10.0 %). "
        "On the 20 controlled queries the layer has 35.0 %, chance 10.0 %, and phonetic distance none by construction."
    ) in text
    assert "in percent: layer01 60.0 and 35.0, layer02 70.0 and 60.0.](<images/control.png>)" in text
    assert "in percent: 0.05 to 0.20 75.0, 0.21 to 0.50 45.0.](<images/bins.png>)" in text
    assert "in 2 bins of 20 queries." in text
    assert "phonetic distance" not in str(rows(text, "Systems compared"))


def test_sound_on_the_page_and_in_the_images(exp):
    scores(exp / "retrieval" / "far", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    control(exp)
    scores(exp / "retrieval" / "plain", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    control(exp, "far")
    text = report(exp, "dev", ["test", "far", "plain"]).read_text()
    assert {"control.png", "control_far.png", "bins.png", "bins_far.png"} <= {
        path.name for path in (exp / "images").iterdir()
    }
    assert "Sound was not controlled for on plain: run the stage measure." in text
    assert Page(exp / "report.html").tags.count("img") == 3 + 4 + 1


def test_without_control_and_without_words_two_sentences_say_so(made):
    section = made.read_text().split("## Meaning or sound")[1].split("\n## ")[0]
    assert section.strip().split("\n\n") == [
        "Sound was not controlled for on test: run the stage measure.",
        "Word by word, meaning was not tested against sound: --word_test true does it.",
    ]


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


def test_sound_without_a_layer_to_show_shows_all_of_them(exp):
    control(exp)
    scores(exp / "retrieval" / "far", {"layer03": (0.1, 0.3), "layer04": (0.5, 0.5)})
    text = report(exp, "", ["test", "far"]).read_text()
    assert [row[0] for row in rows(text, "Meaning or sound")] == ["layer", "layer01", "layer02"]
    assert "On test, phonetic distance has R@1 25.0 % (40 queries" in text
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
    assert "The 110 pairs are in [control/test/controlled.tsv](control/test/controlled.tsv)." in text
