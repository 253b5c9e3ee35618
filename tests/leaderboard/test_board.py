"""`leaderboard`: which submissions are compared, in which order, and what stands on the page."""

import re

import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.errors import DataError
from fangyan.leaderboard import leaderboard
from fangyan.leaderboard.board import pair_table, table

from .fabricated import pair, submission, written


@pytest.fixture
def files(tmp_path):
    """A function: files of submissions, by name of the encoder and R@1 from yue to cmn."""

    def write(**there: float) -> list:
        return [written(tmp_path / f"{name}.json", submission(name, value)) for name, value in there.items()]

    return write


def test_the_best_stands_first_with_its_interval_and_equal_ones_by_name(files):
    found = leaderboard(files(low=0.1, zoo=0.8, ape=0.8, mid=0.3))
    assert [row[0] for row in table(found).rows] == ["ape", "zoo", "mid", "low"]
    assert table(found).rows[3][1:3] == ("layer04", "chosen on dev")
    assert table(found).rows[3][4:] == ("35.0 (12.5–75.0)", "10.0", "60.0")
    assert pair_table(found).rows[1][:2] == ("yue to cmn", "80.0 (10.0–30.0)")
    assert "mean over 2 ordered pairs, 20 queries, chance 10.0 %" in found.markdown
    assert "bootstrap over 10 sentences. Corpus cccccccccccc: 20 utterances of 10 sentences in cmn, yue" in (
        found.markdown
    )
    assert found.remarks == []


def test_what_is_not_comparable_is_refused_with_both_files_and_what_differs(files, tmp_path):
    (first,) = files(loud=0.2)

    def beside(**changes) -> str:
        other = written(tmp_path / "other.json", submission("other", **changes))
        with pytest.raises(DataError) as error:
            leaderboard([first, other])
        start = (
            f"{first} and {other}: results are compared where protocol and corpus are the same, got others: "
        )
        assert str(error.value).startswith(start)
        return str(error.value).removeprefix(start)

    assert beside(protocol={"score": "dtw"}) == "protocol: score is seqsim and dtw"
    assert beside(protocol={"texts": ["text_cmn"]}) == "protocol: texts is none and text_cmn"
    corpus = submission()["corpus"] | {"fingerprint": "d" * 64, "sentences": 11, "varieties": ["cmn", "hak"]}
    assert beside(corpus=corpus) == (
        "corpus: fingerprint is cccccccccccc and dddddddddddd; corpus: sentences is 10 and 11; "
        "corpus: varieties is cmn, yue and cmn, hak"
    )
    one_way = {"pairs": [pair("yue", "cmn", 0.4)], "mean": submission()["mean"] | {"queries": 10}}
    assert beside(**one_way).startswith("pairs: count is 2 and 1; pairs: fingerprint is ")


def test_the_name_of_the_set_may_differ(files, tmp_path):
    corpus = submission()["corpus"] | {"set": "test_far"}
    other = written(tmp_path / "other.json", submission("other", corpus=corpus))
    assert len(leaderboard([*files(loud=0.2), other]).entries) == 2


def test_one_encoder_twice_is_told_and_one_file_twice_counts_once(files, tmp_path):
    (first,) = files(loud=0.2)
    layer = {"name": "norm", "how": "standing last, not chosen on these data"}
    other = written(tmp_path / "other.json", submission("loud", 0.1, layer=layer, ranks="b" * 64))
    (remark,) = leaderboard([first, other, first]).remarks
    assert remark == (
        f"{first} and {other} are of one encoder, 000000000000: at layer04 (chosen on dev) and at norm (standing "
        "last, not chosen on these data), with different ranks."
    )
    assert len(leaderboard([first, first]).entries) == 1


def test_the_page_stands_alone_and_nothing_in_a_name_is_markup(tmp_path):
    odd = submission("<b>*x*|", corpus=submission()["corpus"] | {"set": "[y](http:z)<i>"})
    path = written(tmp_path / "a.json", odd)
    run = CliRunner().invoke(cli, ["leaderboard", str(path), "--out", str(tmp_path / "board")])
    assert run.exit_code == 0, run.output
    html = (tmp_path / "board/leaderboard.html").read_text()
    assert not re.search(r"<link|@import|url\(|src=\"http", html)
    assert "&lt;b&gt;*x*|" in html and "<b>*" not in html and "0123456789ab with local changes" in html
    for markdown in (run.stdout, (tmp_path / "board/LEADERBOARD.md").read_text()):
        assert r"&lt;b>\*x\*\|" in markdown and r"\[y](http:z)&lt;i>" in markdown


def test_many_submissions_make_a_table_that_markdown_leaves_to_the_page(files, tmp_path):
    many = files(**{f"{chr(97 + n)}{n}": 0.01 * n for n in range(21)})
    leaderboard(many, tmp_path / "board")
    assert "2 rows and columns: see [leaderboard.html](leaderboard.html)" in (
        (tmp_path / "board/LEADERBOARD.md").read_text()
    )
