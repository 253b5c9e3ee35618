"""`fangyan.report.losses`: an emptier report takes the place of no fuller one."""

import shutil

import pytest

from fangyan.errors import UserError
from fangyan.report import Asked, renew
from fangyan.report.losses import losses, parts_of
from fangyan.report.sections import parts

from .fabricated import report, scores

HEAD = "# Results\n\n| test set | layer | R@1 | CER |\n| --- | --- | ---: | ---: |\n"


def written(rows: str, *sections: tuple[str, str]) -> str:
    return HEAD + rows + "".join(f"\n\n## {title}\n\n{body}\n" for title, body in sections)


def test_scores_are_compared_set_by_set():
    old = written("| a | norm | 80.0 (70–90) | 5.0 |\n| b | norm | 70.0 | – |")
    assert list(losses(old, old)) == []
    assert list(losses(old, written("| a | – | – | 5.0 |\n| b | norm | 70.0 | – |"))) == ["R@1 of a"]
    assert list(losses(old, written("| a | norm | 80.0 | – |\n| b | – | – | – |"))) == [
        "CER of a",
        "R@1 of b",
    ]
    assert list(losses(old, written("| b | norm | 60.0 | 9.0 |"))) == []  # asked for without a
    assert list(losses("", old)) == list(losses("# Results\n\nNo test set was named.\n", old)) == []


def test_the_scores_of_baselines_are_none_of_the_encoder():
    old = written(
        "| a | layer00 | 5.0 | – |\n| a | norm (shown below) | 80.0 | 5.0 |\n| a | fbank | 2.0 | – |"
    )
    new = written("| a | – | – | 5.0 |\n| a | fbank | 2.0 | – |")
    assert list(losses(old, old)) == [] and list(losses(old, new)) == ["R@1 of a"]


def test_sections_are_compared_where_all_sets_are_reported_again():
    shown, words = ("Training", "![a](<b.png>)"), ("Training", "There is no training history.")
    row = "| a | norm | 1.0 | – |"
    assert list(losses(written(row, shown), written(row, words))) == ["'Training'"]
    assert list(losses(written(row, ("Training", "| a |\n| - |")), written(row))) == ["'Training'"]
    assert list(losses(written(row, words), written(row))) == []
    assert list(losses(written(row, shown), written("| b | norm | 1.0 | – |"))) == []
    assert "Old title" not in parts()  # as a report of another version may have it
    assert list(losses(written(row, ("Old title", "| a |")), written(row))) == []


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("retrieval", "R@1 of test, 'Layer by layer', 'Variety by variety'"),
        ("retrieval/test", "R@1 of test, .*'Variety by variety'"),
        ("decode", "CER of test, 'Character error rate'"),
        ("baselines", "'Systems compared'"),
    ],
)
@pytest.mark.usefixtures("unrendered")
def test_what_was_reported_and_is_gone_leaves_the_report_as_it_was(exp, gone, told):
    path = report(exp, "dev", ["test"])
    before = {file: file.read_bytes() for file in exp.rglob("*") if file.is_file() and gone not in str(file)}
    shutil.rmtree(exp / gone)
    with pytest.raises(
        UserError, match=rf"RESULTS\.md: shows {told}.*: run the stages .* or move RESULTS\.md"
    ):
        report(exp, "dev", ["test"])
    assert {file: file.read_bytes() for file in before} == before
    path.unlink()
    report(exp, "dev", ["test"])


@pytest.mark.usefixtures("unrendered")
def test_another_development_set_or_test_set_is_no_loss(exp):
    scores(exp / "retrieval" / "far", {"layer01": (0.1, 0.3), "layer02": (0.5, 0.5)})
    for dev, tests in (("dev", ["test", "far"]), ("", ["test", "far"]), ("dev", ["far"]), ("dev", ["test"])):
        report(exp, dev, tests)


MEASURED = """
    retrieval/test retrieval_pooled/test control/test intervals/test explain/test synonymy decode/test early_exit/test
    retrieval_text_cmn/test probe/test baselines/mfcc/retrieval/test history.tsv train.json
    layers/layer01/retrieval/test
"""


def test_the_parts_of_a_report_are_folders_of_its_sets_and_of_none(tmp_path):
    inside = {
        "history.tsv": "",
        "train.json": "",
        "synonymy": "/words.tsv",
        "explain/test": "/hit1/frames.tsv",
    }
    wanted = sorted(MEASURED.split())
    files = [tmp_path / f"{part}{inside.get(part, '/pairs.tsv')}" for part in wanted]
    others = [tmp_path / name for name in ("submission.json", "retrieval/far/pairs.tsv", "probe/far/a/b.tsv")]
    assert parts_of([*files, *others], tmp_path, ["dev", "test"]) == wanted


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("gone", [name for name in MEASURED.split() if "layers/" not in name])
def test_no_measured_folder_goes_without_a_word(exp, gone, monkeypatch):
    monkeypatch.setattr("fangyan.report.report", lambda asked: exp / "RESULTS.md")  # whatever it would show
    part = exp / gone
    if part.suffix:
        part.write_text("")
    else:
        part.mkdir(parents=True, exist_ok=True)
        (part / "pairs.tsv").touch()
    for name in ("RESULTS.md", "report.html"):
        (exp / name).touch()
    asked = Asked(exp, "dev", ["test"])
    assert renew(asked) and not renew(asked)
    part.rename(exp.parent / "away")
    for _ in range(2):
        with pytest.raises(
            UserError, match=rf"RESULTS\.md: shows {gone}, and nothing of that is found any more"
        ):
            renew(asked)
    if gone.endswith("/test"):
        assert renew(Asked(exp, "dev", ["far"]))  # nothing of test is asked for
    else:
        (exp.parent / "away").rename(part)
        assert not renew(asked)


@pytest.mark.usefixtures("unrendered")
def test_a_report_that_was_moved_away_is_made_without(exp):
    asked = Asked(exp, "dev", ["test"])
    renew(asked)
    shutil.rmtree(exp / "retrieval_pooled")
    (exp / "RESULTS.md").rename(exp.parent / "RESULTS.md")
    assert renew(asked) and "Mean-pooled vectors were not scored." in (exp / "RESULTS.md").read_text()
