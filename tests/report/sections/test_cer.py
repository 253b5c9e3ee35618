"""`fangyan.report.sections.cer`: the section "Character error rate", by variety and by exit layer."""

from fangyan.report.read import results
from fangyan.report.render import curves

from ..fabricated import early_exit, report, scores, write
from ..reading import rows


def test_cer_by_variety_with_counts(made):
    body = rows(made.read_text(), "Character error rate")
    assert body[1:4] == [
        ["Mandarin (cmn)", "10.0", "10", "100", "10"],
        ["Cantonese (yue)", "26.0", "10", "100", "26"],
        ["all", "18.0", "20", "200", "36"],
    ]
    assert len(body) == 8  # dev and test


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
    assert "The 21 varieties are in [early_exit/test/cer.tsv](early_exit/test/cer.tsv)." in text
    assert "is in the table" not in text
    axes = curves.exits(results.read(exp, "dev", ["test"]), "test").axes[0]
    assert len(axes.lines) == 23 and axes.get_legend_handles_labels()[1] == ["R@1", "CER"]


def test_without_exits_one_sentence_names_the_option(made, tmp_path):
    scores(tmp_path / "retrieval" / "test", {"norm": (0.1, 0.2)})
    section = made.read_text().split("## Character error rate")[1].split("\n## ")[0]
    assert section.strip().endswith(
        "No earlier layer was decoded from: --exit_layers names those to decode from."
    )
    assert (
        "--exit_layers" not in report(tmp_path, "", ["test"]).read_text()
    )  # where nothing was decoded at all
