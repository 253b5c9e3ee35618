"""`fangyan.report.render.tables`: every expected cell is worked out by hand beside it."""

import os
import re

from fangyan.features.layers import layer_name
from fangyan.report.render.tables import Table, duration, ends, markdown
from fangyan.rounding import percent

from ..fabricated import CER, report, scores, write
from ..reading import rows


def test_layers_show_both_scores_side_by_side_and_mark_the_chosen_one(made):
    text = made.read_text()
    test, dev = rows(text, "Layer by layer")[:3], rows(text, "Layer by layer")[3:]
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


def test_run_facts_and_times_summed_over_reruns(exp):
    for name in ("dev", "test"):
        os.utime(exp / "retrieval" / name / "pairs.tsv", (0, 86400 * 20_000.5))
        os.utime(exp / "decode" / name / "cer.tsv", (0, 0))
    text = report(exp, "dev", ["test"], "./run.sh --target text_cmn --seed 7").read_text()
    body = dict(rows(text, "The run"))
    assert "What was trained, where, and with what." in text
    assert (body["measured on"], body["threads"]) == ("2024-10-04", "2")
    assert body["commit"] == "0123456789ab with local changes"
    assert body["seed"] == "7"
    assert body["target wording"] == "text_cmn: the Mandarin wording"
    assert body["parameters"] == "1,512,345"
    assert body["processor"] == "Abacus 3000"
    assert body["torch"] == "2.14.0"
    assert (body["data"], body["train"], body["all"]) == ("12.0 s", "1 min 35 s", "1 min 47 s")
    assert "\n    ./run.sh --target text_cmn --seed 7\n" in text


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


def test_columns_of_chinese_are_as_wide_as_a_terminal_draws_them():
    table = Table("t", "c", ("name", "x"), (("他们", "1.0"), ("a", "2.0")))
    assert markdown(table).splitlines() == [
        "| name |   x |",
        "| ---- | --: |",
        "| 他们 | 1.0 |",
        "| a    | 2.0 |",
    ]


def test_of_long_tables_the_ends_are_shown_and_how_much_is_left_out():
    rows = [(f"{n}", "x", "1.0") for n in range(1, 1006)]
    assert ends(rows[:4], 2) == tuple(rows[:4])
    assert ends(rows[:5], 2) == (*rows[:2], ("⋮", "1 other", ""), *rows[3:5])
    assert ends(rows, 2)[2] == ("⋮", "1,001 others", "")


def test_a_layer_is_called_one_once():
    assert [layer_name(name) for name in ("layer04", "norm", "layer03+layer10")] == [
        *("layer04", "layer norm", "layer03+layer10"),
    ]


def test_large_numbers_have_separators_everywhere(exp):
    scores(exp / "retrieval" / "test", {"layer01": (0.5, 0.5), "layer02": (0.5, 0.5)}, n=1234)
    write(exp / "decode" / "test" / "cer.tsv", CER.replace("200\t36\t0.18", "22380\t4028\t0.18"))
    text = report(exp, "dev", ["test"]).read_text()
    assert "1,234 queries each" in text and "| 1,234 |" in text
    assert "22,380" in text and "4,028" in text and "1,512,345" in text
    assert not re.search(r"(?<![\w.,/=-])\d{4,}(?![\w.-])", text.replace("Abacus 3000", ""))


def test_facts_of_a_run_without_training_do_not_speak_of_one(tmp_path):
    scores(tmp_path / "retrieval" / "test", {"fbank": (0.02, 0.04)})
    text = report(tmp_path, "", ["test"]).read_text()
    assert "Where it was measured, and with what." in text and "What was trained" not in text
