import pytest

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.data.text import NormalForm
from fangyan.errors import DataError
from fangyan.files import DONE, write_json, write_text
from fangyan.recognition import cer


def test_errors_are_counted_on_the_normal_form():
    # 我們 = 我们 (script), the comma goes; one substitution (飯 -> 面), one deletion (了).
    row = cer.error_rate(["我們，吃飯了", "你好"], ["我们吃面", "你 好！"])
    assert row == {"sentences": 2, "characters": 7, "errors": 2, "cer": 2 / 7}


def test_an_empty_hypothesis_is_all_deletions_and_insertions_can_pass_one():
    assert cer.error_rate(["你好"], [""])["cer"] == 1.0
    assert cer.error_rate(["好"], ["你好吗"])["cer"] == 2.0


def test_a_reference_without_han_is_refused():
    with pytest.raises(DataError, match="a reference has Han characters.* got none in 'OK'"):
        cer.error_rate(["OK"], ["好"])


def test_both_sides_take_the_form_that_is_asked_for():
    # "ok ok" has 5 characters with its space; 3 is read 三.
    form = NormalForm(latin=True, digits="spoken")
    row = cer.error_rate(["OK, OK", "3個"], ["ok ok", "三個"], form)
    assert (row["characters"], row["errors"]) == (7, 0)
    assert cer.error_rate(["3個"], ["三個"])["errors"] == 1


@pytest.fixture
def decoded(tmp_path):
    rows = [("a-1", "cmn", "我吃饭"), ("b-1", "yue", "我食飯"), ("b-2", "yue", "佢哋")]
    datadir.write(
        tmp_path / "data",
        [Utterance(key, "w", text, key[0], lang, "s", 1.0, text_cmn=text) for key, lang, text in rows],
    )
    (tmp_path / "text").write_text("a-1 我吃饭\nb-1 我食\nb-2 \n", encoding="utf-8")
    return tmp_path


def test_one_row_a_variety_and_one_for_all(decoded):
    rows = cer.score(decoded, decoded / "data", "text")
    assert [(r.variety, r.sentences, r.characters, r.errors) for r in rows] == [
        ("cmn", 1, 3, 0),
        ("yue", 2, 5, 3),
        ("all", 3, 8, 3),
    ]
    assert (decoded / "cer.tsv").read_text().splitlines() == [
        "variety\tsentences\tcharacters\terrors\tcer\tleft_out",
        "cmn\t1\t3\t0\t0\t0",
        "yue\t2\t5\t3\t0.6\t0",
        "all\t3\t8\t3\t0.375\t0",
    ]


def test_a_missing_hypothesis_is_named(decoded):
    (decoded / "text").write_text("a-1 我吃饭\nb-1 我食\n", encoding="utf-8")
    with pytest.raises(DataError, match="got none for b-2"):
        cer.score(decoded, decoded / "data", "text")


@pytest.fixture
def exits(decoded):
    write_json(decoded / DONE, {"model": "m"})
    for layer, text in (("layer10", "a-1 我\nb-1 \nb-2 \n"), ("layer02", "a-1 \nb-1 \nb-2 \n")):
        write_text(decoded / "exits" / layer / "text", text)
        write_json(decoded / "exits" / layer / DONE, {"model": "m", "layer": layer})
    return decoded / "exits"


def test_one_row_a_layer_and_variety_and_the_whole_model_last(exits, decoded):
    write_text(exits / ".layer01.partial" / "text", "half-written")
    rows = cer.score_exits(exits, decoded, decoded / "data", "text")
    assert [(r.layer, r.variety, r.errors) for r in rows] == [
        ("layer02", "cmn", 3),
        ("layer02", "yue", 5),
        ("layer02", "all", 8),
        ("layer10", "cmn", 2),
        ("layer10", "yue", 5),
        ("layer10", "all", 7),
        ("norm", "cmn", 0),
        ("norm", "yue", 3),
        ("norm", "all", 3),
    ]
    lines = (exits / "cer.tsv").read_text().splitlines()
    assert lines[:2] == [
        "layer\tvariety\tsentences\tcharacters\terrors\tcer\tleft_out",
        "layer02\tcmn\t1\t3\t3\t1\t0",
    ]


def test_an_exit_of_another_model_is_not_put_beside_this_one(exits, decoded):
    write_json(exits / "layer02" / DONE, {"model": "an older one", "layer": "layer02"})
    with pytest.raises(DataError, match="layer02: must be of the same model.*decode it again or remove it"):
        cer.score_exits(exits, decoded, decoded / "data", "text")


def test_exits_that_were_not_decoded_are_asked_for(decoded):
    write_json(decoded / DONE, {"model": "m"})
    with pytest.raises(DataError, match="run decode with --exit_layer first"):
        cer.score_exits(decoded / "exits", decoded, decoded / "data", "text")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a-1 我\nb-1 我\n", r"every file has the ids of .*data/text, got none for b-2 \(text:3\)"),
        ("a-1 我\nb-1 我\nb-2 \nb-3 我\n", r"text:4: every file has the ids of .*, got b-3, which it lacks"),
        ("a-1 我\na-1 我吃饭\nb-1 我\nb-2 \n", r"text:2: ids are unique, got a-1 again"),
        ("", "got none for a-1"),
    ],
)
def test_hypotheses_have_exactly_the_ids_of_the_references(decoded, lines, message):
    (decoded / "text").write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        cer.score(decoded, decoded / "data", "text")


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0c", "\x1c", "\x1d", "\x0b", "\u2029"])
def test_only_a_line_feed_ends_a_hypothesis(decoded, sign):
    (decoded / "text").write_text(f"a-1 我{sign}吃饭\nb-1 我食飯\nb-2 佢哋\n", encoding="utf-8")
    assert cer.score(decoded, decoded / "data", "text")[-1].errors == 0


def test_hypotheses_of_others_may_be_in_any_order_and_end_in_crlf(decoded):
    (decoded / "text").write_bytes("b-2\r\na-1 我吃饭\r\n\r\nb-1\t我食\r\n".encode())
    assert [row.errors for row in cer.score(decoded, decoded / "data", "text")] == [0, 3, 3]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a-1 cmn\nb-1 yue\n", r"text:3: every file has the ids of .*utt2lang, got b-2, which it lacks"),
        ("a-1 cmn\nb-1 yue\nb-2 yue\nc-1 wuu\n", r"text: every file .*, got none for c-1 \(utt2lang:4\)"),
    ],
)
def test_references_have_exactly_the_ids_of_the_varieties(decoded, lines, message):
    (decoded / "data/utt2lang").write_text(lines)
    with pytest.raises(DataError, match=message):
        cer.score(decoded, decoded / "data", "text")


def test_empty_tables_are_refused(decoded):
    for name in ("text", "utt2lang"):
        (decoded / "data" / name).write_text("")
    with pytest.raises(DataError, match=r"data/text: some reference has Han.*, got none in 0 lines"):
        cer.score(decoded, decoded / "data", "text")


@pytest.fixture
def partly(decoded):
    """Two of five references have nothing in the default form, one of them all that there is of its variety."""
    lines = [("a-1", "cmn", "我吃饭"), ("b-1", "yue", "我食飯"), ("b-2", "yue", "佢哋")]
    lines += [("b-3", "yue", "OK"), ("c-1", "wuu", "(Applause)")]
    data = decoded / "partly"
    datadir.write(
        data, [Utterance(key, "w", text, key[0], lang, "s", 1.0, text_cmn=text) for key, lang, text in lines]
    )
    (decoded / "text").write_text("a-1 我吃饭\nb-1 我食\nb-2 \nb-3 好好好\nc-1 好\n", encoding="utf-8")
    return data


def test_what_cannot_be_scored_is_left_out_counted_and_listed(decoded, partly):
    rows = cer.score(decoded, partly, "text")
    assert [(r.variety, r.sentences, r.errors, r.left_out) for r in rows] == [
        ("cmn", 1, 0, 0),
        ("yue", 2, 3, 1),
        ("all", 3, 3, 2),
    ]
    listed = (decoded / ".unscored.tsv").read_text().split("\n")
    assert listed == [
        "id\tplace\treference",
        f"b-3\t{partly}/text:4\tOK",
        f"c-1\t{partly}/text:5\t(Applause)",
        "",
    ]
    cer.score(decoded, partly, "text", NormalForm(latin=True))
    assert len((decoded / ".unscored.tsv").read_text().split("\n")) == 3


def test_what_the_form_takes_out_is_told_with_what_to_choose(decoded, partly):
    (decoded / "text").write_text("a-1 我吃3饭\nb-1 我食\nb-2 \nb-3 好\nc-1 好\n", encoding="utf-8")
    first, latin, digits = cer.describe_removals(decoded, partly, "text")
    assert first == (
        f"{partly}/text:4: of 2 of 5 transcripts the normal form leaves nothing, the first is b-3 (OK): they "
        "are neither learnt nor scored"
    )
    assert latin.startswith(f"{partly}/text: 1 of 5 transcripts hold Latin letters") and "latin=true" in latin
    assert digits.startswith(f"{decoded}/text: 1 of 5 transcripts hold digits") and "digits=spoken" in digits
    assert cer.describe_removals(decoded, decoded / "data", "text")[0] == digits


def test_a_set_of_which_nothing_can_be_scored_is_refused(decoded):
    (decoded / "data/text").write_text("a-1 OK\nb-1 100\nb-2 <UNK>\n")
    with pytest.raises(DataError, match=r"data/text: some reference.*, got none in 3 lines, the first: 'OK'"):
        cer.score(decoded, decoded / "data", "text")
