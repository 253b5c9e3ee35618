"""What corpora on disk have in common: small literal files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.corpora.common import layouts
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.text import normalise
from fangyan.errors import DataError, UserError


def test_home_is_the_root_or_a_folder_below_it(tmp_path):
    (tmp_path / "A/B/data").mkdir(parents=True)
    found = {
        layouts.find_home("x", root, "A/B", "data") for root in (tmp_path, tmp_path / "A", tmp_path / "A/B")
    }
    assert found == {tmp_path / "A/B"}


def test_home_says_what_was_expected_and_found(tmp_path):
    with pytest.raises(UserError, match="corpus x: say where it lies with --corpus_dir DIR"):
        layouts.find_home("x", None, "A", "data")
    for n in range(8):
        (tmp_path / f"f{n}").touch()
    expected = r"expected A/data below it, found f0 f1 f2 f3 f4 f5 and 2 more: --corpus_dir names .* holds A$"
    with pytest.raises(DataError, match=expected):
        layouts.find_home("x", tmp_path, "A", "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found an empty folder: "):
        layouts.find_home("x", tmp_path / "empty", "A", "data")
    with pytest.raises(DataError, match="found no such folder: "):
        layouts.find_home("x", tmp_path / "gone", "A", "data")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_pairs_come_as_they_stand(tmp_path, end, encoding):
    file = tmp_path / "text"
    file.write_bytes(end.join(["a 我 们", "", "b\t你  ", "c", "a 又"]).encode(encoding))
    assert list(layouts.read_pairs(file)) == [("a", "我 们"), ("b", "你"), ("c", ""), ("a", "又")]


def test_a_missing_file_is_told_with_its_neighbours(tmp_path):
    (tmp_path / "trans.txt").touch()
    with pytest.raises(DataError, match=r"text: no such file: the folder holds trans\.txt$"):
        list(layouts.read_pairs(tmp_path / "text"))


def test_a_table_may_have_more_columns_and_rows_that_end_early(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes(b"\xef\xbb\xbfid, text,sex\r\n1,a\r\n\r\n2,b,f\r\n")
    rows = list(layouts.read_columns(file, ("id", "text"), delimiter=","))
    assert rows == [{"id": "1", "text": "a", "sex": ""}, {"id": "2", "text": "b", "sex": "f"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\ttekst\n", r"t\.tsv:1: the columns are id text, got id tekst"),
        ("id\ttext\n1\ta\tb\n", r"t\.tsv:2: a row has 2 cells \(id text\), got 3"),
    ],
)
def test_another_table_is_refused(tmp_path, text, message):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        list(layouts.read_columns(tmp_path / "t.tsv", ("id", "text")))


def test_recordings_are_found_below_a_folder_by_stem(tmp_path):
    root = tmp_path / "wav"
    for name in (
        "wav/s2/b.WAV",
        "wav/s1/a.wav",
        "wav/s1/._a.wav",
        "wav/s1/a.txt",
        "wav/it's $(x)/c.wav",
        "z/d.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (root / "linked").symlink_to(tmp_path / "z")
    names = {"a": "s1/a.wav", "b": "s2/b.WAV", "c": "it's $(x)/c.wav", "d": "linked/d.wav"}
    found = layouts.find_recordings(root)
    assert found == {stem: str(root / name) for stem, name in names.items()}
    assert list(found) == list(names)
    (root / "s2/a.wav").touch()
    with pytest.raises(DataError, match="recordings have names of their own, got that of"):
        layouts.find_recordings(root)
    with pytest.raises(
        DataError, match=r"z/gone/s: expected recordings \(\.wav\), found .*z: d\.wav: unpack"
    ):
        layouts.find_recordings(tmp_path / "z/gone/s")


@pytest.mark.parametrize(
    ("text", "variety", "text_cmn", "sentence"),
    [
        ("我们 去，吃饭！", "cmn", "我们 去，吃饭！", "我们去吃饭"),
        ("我哋去食飯", "yue", "我們去吃飯。", "我们去吃饭"),
        ("我哋去食飯", "yue", "", "yue:我哋去食饭"),
        ("听 Beat It", "cmn", "听 Beat It", "听beatit"),
        ("\U0002ebf0", "hak", "", "hak:\U0002ebf0"),  # Han that this Python does not yet know for a letter
        ("ＣＢＡ<SPOKEN_NOISE> 好[LAUGHTER][*]", "cmn", "ＣＢＡ<SPOKEN_NOISE> 好[LAUGHTER][*]", "cba好"),
    ],
)
def test_the_sentence_of_an_utterance(text, variety, text_cmn, sentence):
    assert layouts.sentence_of(text, variety, text_cmn) == sentence


@given(st.text(st.characters(exclude_characters="<>[]", exclude_categories=["Cs"])))
def test_an_id_keeps_every_han_character_and_no_punctuation(text):
    found = layouts.sentence_of(text, "yue").removeprefix("yue:")
    assert layouts.sentence_of(f"， {text} 。", "yue") == f"yue:{found}"
    assert normalise(found) == "".join(normalise(char) for char in normalise(text))


def u(key: str, text: str = "好", speaker: str = "s", text_cmn: str = "") -> Utterance:
    return layouts.utterance(key, f"{key}.wav", text, speaker, "yue", text_cmn)


def test_an_id_begins_with_the_speaker():
    assert (u("s1-a", speaker="s1").id, u("a", speaker="s1").id) == ("s1-a", "s1-a")
    cut = layouts.utterance("a", "w", " 好\t好 ", "a", "yue", start=0.5, end=1.0)
    assert (cut.start, cut.end, cut.text) == (0.5, 1.0, "好 好")


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("0.5", " 2 ", (0.5, 2.0)),
        (None, "", (0.0, None)),
        (0, 1e-05, (0.0, 1e-05)),
        (0.25, "-1", (0.25, None)),
        ("1", -1.0, (1.0, None)),
        ("-0.01", "4.0", (-0.01, 4.0)),
    ],
)
def test_times_are_seconds_and_an_end_of_minus_one_is_that_of_the_recording(start, end, found):
    assert layouts.parse_times("m.csv:2", start, end) == dict(zip(("start", "end"), found, strict=True))


@pytest.mark.parametrize(
    "cell", ["nan", "inf", "1e400", "1_2", "１", "1:02", "x", float("nan"), float("inf"), [1], True]
)
def test_times_that_are_no_numbers_are_refused_by_line(cell):
    with pytest.raises(DataError, match=r"^m\.csv:2: start and end are seconds, got "):
        layouts.parse_times("m.csv:2", cell, "4.0")
    with pytest.raises(DataError, match=r"^m\.csv:2: start and end are seconds, got 1\.0 and "):
        layouts.parse_times("m.csv:2", "1.0", cell)


def test_two_ids_that_become_one_by_their_speaker_are_refused_by_name():
    records = [u("a", speaker="b"), u("c", speaker="b"), u("b-a", speaker="b")]
    assert [r.changes for r in records] == [((layouts.RENAMED, "a"),), ((layouts.RENAMED, "c"),), ()]
    assert list(layouts.drop_repeated(records[:2])) == records[:2]
    for order in (records, records[::-1]):
        with pytest.raises(
            DataError, match=r"\.wav: .* (a and b-a|b-a and a) of speaker b are both b-a: rename one"
        ):
            layouts.drop_empty(order)


def test_what_lacks_a_recording_or_a_transcript_is_left_out_by_name():
    said = [("a", "一"), ("b", "二")]
    found = layouts.match_transcripts(
        said, {"a": "a.wav", "c": "c.wav"}, lambda key, text, wav: (key, text, wav)
    )
    assert list(found) == [
        ("a", "一", "a.wav"),
        Dropped("b", "missing recording"),
        Dropped("c", "no transcript", "c.wav"),
    ]


def test_weeds_are_left_out_by_reason():
    candidates = [
        u("s1"),
        Dropped("x", "why"),
        u("s2", ""),
        u("s3", "！[*]"),
        u("s4", "OK [*]"),
        u("s5", "Pha̍k-fa-sṳ"),
        u("s6", "119"),
        u("s1", "又"),
        u("s2", "三"),
    ]
    assert layouts.drop_empty(candidates) == [
        u("s1"),
        Dropped("x", "why"),
        Dropped("s2", "empty transcript"),
        Dropped("s3", "no words", "！[*]"),
        u("s4", "OK [*]"),
        u("s5", "Pha̍k-fa-sṳ"),
        u("s6", "119"),
        Dropped("s1", "duplicate id", "又"),
        u("s2", "三"),
    ]


@pytest.mark.parametrize(("last", "kept"), [("吃", "吃"), ("", ""), ("OK", "OK"), ("！", "")])
def test_mandarin_wording_is_that_of_all_or_of_none(last, kept):
    records = layouts.drop_empty(
        [u("s1", "食", text_cmn="吃"), u("s2", "食", text_cmn=last), Dropped("x", "why")]
    )
    assert [r.text_cmn for r in records[:2]] == (["吃", kept] if kept else ["", ""])
    assert records[0].sentence == "吃"


def test_train_is_apart_from_what_is_held_out():
    test = [u("t1", "一二", "t"), Dropped("t2", "why")]
    train = [u("a1", "三", "a"), u("t9", "四", "t"), u("a2", "一，二。", "a"), Dropped("a3", "why")]
    assert layouts.drop_overlap(train, test) == [
        train[0],
        Dropped("t9", "speaker of a held-out set", "t"),
        Dropped("a2", "sentence of a held-out set", "一，二。"),
        train[3],
    ]


def test_words_that_differ_in_a_mark_are_different_sentences():
    assert layouts.sentence_of("chi̍t", "nan") != layouts.sentence_of("chit", "nan")
    assert layouts.sentence_of("tâi", "nan") == layouts.sentence_of("tâi", "nan")
