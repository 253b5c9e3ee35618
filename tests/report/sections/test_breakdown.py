"""`fangyan.report.sections.breakdown`: R@1 by variety and by group."""

from fangyan.report.read import results
from fangyan.report.render import figures
from fangyan.report.sections import breakdown

from ..fabricated import groups, report, three_varieties
from ..reading import Page, rows


def test_matrix_has_sources_in_rows(made):
    body = rows(made.read_text(), "Variety by variety")
    assert body == [
        ["source / target", "cmn", "yue"],
        ["Mandarin (cmn)", "–", "62.0"],
        ["Cantonese (yue)", "78.0", "–"],
    ]


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
    assert "Dashed" not in text
    assert not any("extension" in (name or "") for name in Page(exp / "report.html").classes)


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


def test_speakers_are_shown_by_their_varieties_with_the_mean_of_either_kind_of_pair(exp):
    cells = (
        ("cmn", "cmn", 2, 0.75),
        ("cmn", "yue", 4, 0.25),
        ("yue", "cmn", 4, 0.5),
        ("yue", "yue", 6, 0.25),
    )
    groups(exp, *cells, folder="retrieval_utt2spk")
    text = report(exp, "dev", ["test"]).read_text()
    assert rows(text, "Variety by variety")[3:] == [
        ["source / target", "cmn", "yue"],
        ["Mandarin (cmn)", "75.0†", "25.0"],
        ["Cantonese (yue)", "50.0", "25.0†"],
    ]
    # (2 * 75 + 6 * 25) / 8; (4 * 25 + 4 * 50) / 8
    assert (
        "two speakers of one variety: 37.5 % (chance 1.3 %); of two varieties: 37.5 % (chance 1.3 %)" in text
    )
    assert (exp / "images/speakers.png").exists()
