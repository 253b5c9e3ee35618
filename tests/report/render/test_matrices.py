"""`fangyan.report.render.matrices`: three groups by hand, in every format; what LaTeX would trip over."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.files import read_table
from fangyan.measure.retrieval.tables import Group
from fangyan.report.read import results
from fangyan.report.render import matrices
from fangyan.report.render.matrices import METRICS, escape_latex, latex
from fangyan.report.render.tables import Table
from fangyan.tables import columns

from ..fabricated import report

PAIRS = """layer source target n recall_at_1 recall_at_5 recall_at_10 mrr median_rank chance
layer03+layer04 y1 h1 40 0.5 0.6 0.7 0.5 1 0.025
layer03+layer04 h1 y1 80 0.5 0.6 0.7 0.5 1 0.0125
norm y1 h1 40 0.1 0.2 0.3 0.2 9 0.025
norm h1 y1 80 0.1 0.2 0.3 0.2 9 0.0125
"""
# Across groups, R@1 has a mean of 2.7 / 6 = 0.45 and the median rank one of 17 / 6; zh_standard is one site.
GROUPS = """layer source_group target_group cell pairs recall_at_1 recall_at_5 recall_at_10 mrr median_rank chance
layer03+layer04 hak hak within 2 0.8 0.85 0.9 0.82 1 0.0125
layer03+layer04 hak yue across 6 0.4 0.45 0.5 0.42 3 0.02
layer03+layer04 hak zh_standard across 2 0.6 0.65 0.7 0.62 1.5 0.02
layer03+layer04 yue hak across 6 0.5 0.55 0.6 0.52 2 0.02
layer03+layer04 yue yue within 6 0.9 0.95 1 0.92 1 0.0125
layer03+layer04 yue zh_standard across 3 0.7 0.75 0.8 0.72 1 0.02
layer03+layer04 zh_standard hak across 2 0.2 0.25 0.3 0.22 5.5 0.02
layer03+layer04 zh_standard yue across 3 0.3 0.35 0.4 0.32 4 0.02
norm hak yue across 6 0.1 0.2 0.2 0.2 9 0.02
norm yue hak across 6 0.3 0.2 0.2 0.2 8 0.02
"""
TAG = "a_b & 100%"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(" ", "\t"))


def experiment(folder: Path, groups: str = GROUPS, dev: str = "dev") -> results.Results:
    """An experiment whose sets dev and test have the same scores; layer03+layer04 is the better layer."""
    for name in ("dev", "test"):
        write(folder / TAG / "retrieval" / name / "pairs.tsv", PAIRS)
        write(folder / TAG / "retrieval" / name / "groups.tsv", groups)
    return results.read(folder / TAG, dev, ["test"])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder of the matrices, without the ends of the files' names: ``test.groups``."""
    folder = tmp_path_factory.mktemp("made")
    matrices.write(experiment(folder), folder / "tables")
    return folder / "tables" / "test.groups"


def test_every_scored_set_has_its_files(made):
    ends = (".json", ".md", ".tex", ".tsv")
    wanted = [f"{name}.groups{end}" for name in ("dev", "test") for end in ends]
    assert sorted(path.name for path in made.parent.iterdir()) == wanted


def test_markdown_has_a_matrix_for_each_metric(made):
    title, *sections = made.with_suffix(".groups.md").read_text().split("\n## ")
    assert title == "# Groups on test\n"
    tables = {}
    for section in sections:
        head, *lines = section.splitlines()
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
        assert {len(row) for row in cells} == {4} and cells[0][1:] == ["yue", "hak", "zh_standard"]
        tables[head] = cells[2:]
    assert list(tables) == [f"{text}, layer03+layer04" for text in METRICS.values()]
    assert tables["R@1 (%), layer03+layer04"] == [
        ["yue", "(90.0)", "50.0", "70.0"],
        ["hak", "40.0", "(80.0)", "60.0"],
        ["zh_standard", "30.0", "20.0", "–"],
    ]
    assert tables["Median rank, layer03+layer04"] == [
        ["yue", "(1.0)", "2.0", "1.0"],
        ["hak", "3.0", "(1.0)", "1.5"],
        ["zh_standard", "4.0", "5.5", "–"],
    ]
    assert tables["R@10 (%), layer03+layer04"][2] == ["zh_standard", "40.0", "30.0", "–"]
    assert tables["Chance of R@1 (%), layer03+layer04"][0] == ["yue", "(1.3)", "2.0", "2.0"]


def test_the_caption_says_what_the_matrix_rests_on(made):
    text = made.with_suffix(".groups.md").read_text()
    assert (
        f"R@1 (%) on test by SeqSim, layer03+layer04 (chosen on dev), encoder {TAG.replace('&', '&amp;')}: mean "
        "over the ordered pairs of varieties of two groups, rows spoken, columns searched in. N = 40-80 queries of "
        "each of 2 ordered pairs, chance 1.9 %. The 6 cells across groups (the protocol of Chang et al. 2026) have a "
        "mean of 45.0. In parentheses: within a group, our extension.\n"
    ) in text
    assert "have a mean of 2.8. In" in text  # the median rank


def test_tsv_has_a_row_a_cell_and_the_macro_mean(made):
    rows = read_table(made.with_suffix(".groups.tsv"))
    assert tuple(rows[0]) == columns(Group)
    places = [(row["source_group"], row["target_group"], row["cell"], row["pairs"]) for row in rows]
    assert places == [
        ("yue", "yue", "within", "6"),
        ("yue", "hak", "across", "6"),
        ("yue", "zh_standard", "across", "3"),
        ("hak", "yue", "across", "6"),
        ("hak", "hak", "within", "2"),
        ("hak", "zh_standard", "across", "2"),
        ("zh_standard", "yue", "across", "3"),
        ("zh_standard", "hak", "across", "2"),
        ("all", "all", "across", "22"),
    ]
    assert {row["layer"] for row in rows} == {"layer03+layer04"}
    assert [tuple(row[name] for name in METRICS) for row in (rows[1], rows[-1])] == [
        ("0.5", "0.55", "0.6", "0.52", "2", "0.02"),
        ("0.45", "0.5", "0.55", "0.47", "2.83333", "0.02"),
    ]


def test_json_has_plain_numbers_under_stable_keys(made, tmp_path):
    found = json.loads(made.with_suffix(".groups.json").read_text())
    again = experiment(tmp_path)
    assert found == matrices.matrices(again, matrices.layers(again, "test"))
    head = {name: value for name, value in found.items() if name != "layers"}
    assert head == {"encoder": TAG, "set": "test", "score": "seqsim", "chosen_on": "dev"}
    (layer,) = found["layers"]
    assert layer.keys() == {"layer", "queries", "groups", "cell", "pairs", *METRICS, "macro_mean"}
    assert (layer["layer"], layer["queries"]) == ("layer03+layer04", [40, 80])
    assert layer["groups"] == ["yue", "hak", "zh_standard"]
    assert layer["recall_at_1"] == [[0.9, 0.5, 0.7], [0.4, 0.8, 0.6], [0.3, 0.2, None]]
    assert layer["median_rank"] == [[1, 2, 1], [3, 1, 1.5], [4, 5.5, None]]
    assert layer["pairs"] == [[6, 6, 3], [6, 2, 2], [3, 2, None]]
    assert layer["cell"] == [
        ["within", "across", "across"],
        ["across", "within", "across"],
        ["across", "across", None],
    ]
    assert layer["macro_mean"] == pytest.approx(
        {"recall_at_1": 0.45, "recall_at_5": 0.5, "recall_at_10": 0.55, "mrr": 0.47}
        | {"median_rank": 17 / 6, "chance": 0.02}
    )


def unescaped(mark: str, text: str) -> int:
    """How often a special character of LaTeX stands in ``text`` as markup."""
    return len(re.findall(rf"(?<!\\){re.escape(mark)}", text.replace(r"\\", "")))


def tables_of(text: str) -> list[list[str]]:
    """The lines of each table of a LaTeX file, whose markup is checked to nest."""
    assert text.isascii()
    assert unescaped("{", text) == unescaped("}", text)
    assert not any(unescaped(mark, text) for mark in "_%#$~^")
    opened, found = [], []
    for line in text.splitlines():
        for action, name in re.findall(r"\\(begin|end){(\w+)}", line):
            if action == "begin":
                opened.append(name)
                found += [[]] if name == "table" else []
            else:
                assert opened.pop() == name
        if opened:
            found[-1].append(line)
    assert not opened
    return found


def test_latex_is_booktabs_with_everything_escaped(made):
    text = made.with_suffix(".groups.tex").read_text()
    tables = tables_of(text)
    assert len(tables) == len(METRICS) and r"\clearpage" not in text
    for lines in tables:
        assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
        assert r"\begin{tabular}{lrrr}" in lines
        body = lines[lines.index(r"\toprule") + 1 : lines.index(r"\bottomrule")]
        assert {unescaped("&", line) for line in body if line != r"\midrule"} == {3}
        assert all(line.endswith(r" \\") for line in body if line != r"\midrule")
    assert tables[0][4:] == [
        r"\toprule",
        r"source / target & yue & hak & zh\_standard \\",
        r"\midrule",
        r"yue & (90.0) & 50.0 & 70.0 \\",
        r"hak & 40.0 & (80.0) & 60.0 \\",
        r"zh\_standard & 30.0 & 20.0 & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert tables[0][2].startswith(r"\caption{R@1 (\%) on test by SeqSim, layer03+layer04 (chosen on dev), ")
    assert r"encoder a\_b \& 100\%: mean over" in tables[0][2] and r"have a mean of 45.0." in tables[0][2]


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), min_size=2, max_size=4))
def test_no_name_is_markup_in_latex(names):
    (lines,) = tables_of(latex(Table("t", names[0], tuple(names), (tuple(names),))))
    header, row = (line for line in lines if line.endswith(r" \\"))
    assert header == row and unescaped("&", row) == len(names) - 1
    assert not re.match(r"\s*[\[*]", row)  # LaTeX would take it for an option of the \\ before


def test_escaped_characters_by_hand():
    assert escape_latex(r"a_b&50%$#{}") == r"a\_b\&50\%\$\#\{\}"
    assert escape_latex(r"\x~^") == r"\textbackslash{}x\textasciitilde{}\textasciicircum{}"
    assert escape_latex("[1]* <x|y>") == r"{[}1{]}{*} \textless{}x\textbar{}y\textgreater{}"


def test_without_a_chosen_layer_every_layer_has_its_matrices(tmp_path):
    matrices.write(experiment(tmp_path, dev=""), tmp_path / "tables")
    at = tmp_path / "tables" / "test.groups"
    found = json.loads(at.with_suffix(".groups.json").read_text())
    assert found["chosen_on"] is None
    assert [layer["layer"] for layer in found["layers"]] == ["layer03+layer04", "norm"]
    assert found["layers"][1]["recall_at_1"] == [[None, 0.3], [0.1, None]]
    assert found["layers"][1]["macro_mean"]["recall_at_1"] == pytest.approx(0.2)
    assert len(tables_of(at.with_suffix(".groups.tex").read_text())) == 2 * len(METRICS)
    assert at.with_suffix(".groups.tex").read_text().count("\n\\clearpage\n") == 1
    text = at.with_suffix(".groups.md").read_text()
    assert "layer norm (not chosen)" in text and text.count("\n## ") == 2 * len(METRICS)
    assert "In parentheses" not in text.partition("## R@1 (%), norm")[2]
    assert [row["layer"] for row in read_table(at.with_suffix(".groups.tsv"))] == [
        *["layer03+layer04"] * 9,
        *["norm"] * 3,
    ]


def test_one_group_has_no_macro_mean(tmp_path):
    alone = "".join(
        line for line in GROUPS.splitlines(True) if line.startswith(("layer ", "layer03+layer04 hak hak"))
    )
    matrices.write(experiment(tmp_path, alone), tmp_path / "tables")
    at = tmp_path / "tables" / "test.groups"
    (layer,) = json.loads(at.with_suffix(".groups.json").read_text())["layers"]
    assert layer["recall_at_1"] == [[0.8]] and set(layer["macro_mean"].values()) == {None}
    assert len(read_table(at.with_suffix(".groups.tsv"))) == 1
    assert "the protocol of" not in at.with_suffix(".groups.md").read_text()


def test_groups_of_other_layers_are_refused(tmp_path):
    other = GROUPS.replace("layer03+layer04", "layer05")
    found = experiment(tmp_path, other)
    with pytest.raises(DataError, match=r"groups.tsv: .* got none of layer03\+layer04: score it again"):
        matrices.write(found, tmp_path / "tables")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" 5.5 ", " 0.5 ", r"groups.tsv:8: median_rank is a number from 1 up, got '0.5'"),
        ("0.8 0.72", "8 0.72", r"groups.tsv:7: recall_at_10 is a fraction in \[0, 1\], got '8'"),
        ("recall_at_10", "r10", "groups.tsv:1: the columns are .*, got none named recall_at_10"),
    ],
)
def test_malformed_groups_are_refused(tmp_path, old, new, message):
    assert old in GROUPS
    with pytest.raises(DataError, match=message):
        experiment(tmp_path, GROUPS.replace(old, new))


def test_the_report_writes_them_and_nothing_where_nothing_was_scored_by_group(tmp_path):
    experiment(tmp_path)
    text = report(tmp_path / TAG, "dev", ["test"]).read_text()
    links = re.findall(r"\]\((tables/[^)]*)\)", text)
    assert links == [
        f"tables/{name}.groups.{form}" for name in ("test", "dev") for form in ("md", "tsv", "json", "tex")
    ]
    assert all((tmp_path / TAG / link).exists() for link in links)
    assert len(list((tmp_path / TAG / "tables").iterdir())) == 8
    for path in tmp_path.rglob("groups.tsv"):
        path.unlink()
    matrices.write(results.read(tmp_path / TAG, "dev", ["test"]), tmp_path / "none")
    assert not (tmp_path / "none").exists()
