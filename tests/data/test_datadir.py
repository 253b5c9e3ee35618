import os
from dataclasses import replace
from functools import partial
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

TWO = [
    Utterance("b-2", "w/b 2.wav", "你好", "b", "yue", "s2", 1.5, text_cmn="你好"),
    Utterance("a-1", "w/a.wav", "食飯", "a", "hak", "s1", 0.25, text_cmn="吃饭"),
]


@pytest.fixture
def folder(tmp_path):
    datadir.write(tmp_path, TWO)
    return tmp_path


def test_the_files_are_kaldis(folder):
    assert (folder / "wav.scp").read_text() == "a-1 w/a.wav\nb-2 w/b 2.wav\n"
    assert (folder / "utt2dur").read_text() == "a-1 0.250\nb-2 1.500\n"
    assert (folder / "spk2utt").read_text() == "a a-1\nb b-2\n"
    assert (folder / "utt2lang").read_text() == "a-1 hak\nb-2 yue\n"
    assert not (folder / "utt2ipa").exists()


def test_what_is_written_is_read_back_sorted(folder):
    assert datadir.read(folder) == sorted(TWO, key=lambda u: u.id)


def test_order_is_by_code_point_not_by_locale(tmp_path):
    ids = ["Z-1", "a-1", "é-1", "語-1", "𠊎-1"]
    utterances = [replace(TWO[0], id=key, speaker=key[0]) for key in reversed(ids)]
    datadir.write(tmp_path, utterances)
    assert [u.id for u in datadir.read(tmp_path)] == ids


MALFORMED = {
    "no value": ("text", "a-1 食飯\nb-2\n", r"text:2: a line is 'id value', got 'b-2'"),
    "empty line": ("text", "a-1 食飯\n\nb-2 你好\n", r"text:2: a line is 'id value', got ''"),
    "unsorted": (
        "text",
        "b-2 你好\na-1 食飯\n",
        r"text:2: ids are sorted by code point .*, got a-1 after b-2",
    ),
    "duplicate": ("utt2lang", "a-1 hak\na-1 hak\nb-2 yue\n", r"utt2lang:2: ids are unique, got a-1 again"),
    "cr lf": ("utt2sent", "a-1 s1\r\nb-2 s2\r\n", r"utt2sent:1: lines end in LF, got CR LF"),
    "missing id": ("utt2sent", "a-1 s1\n", r"utt2sent: .*got none for b-2 \(wav\.scp:2\)"),
    "foreign id": (
        "utt2sent",
        "a-1 s1\nb-2 s2\nc-3 s3\n",
        r"utt2sent:3: .*the ids of .*wav\.scp, got c-3, which it lacks",
    ),
    "twin varieties": (
        "utt2lang",
        "a-1 \u00e9\nb-2 e\u0301\n",
        r"utt2lang:2: names that look the same are the same, got 'e\\u0301' beside '\\xe9': import",
    ),
    "pipe": ("wav.scp", "a-1 sox a.wav -t wav - |\nb-2 b.wav\n", r"wav\.scp:1: .*got a pipe"),
    "archive": ("wav.scp", "a-1 w.ark:17\nb-2 b.wav\n", r"wav\.scp:1: .*got a place in an archive"),
    "range": (
        "wav.scp",
        "a-1 w.ark:17[0:9]\nb-2 b.wav\n",
        r"wav\.scp:1: .*got a place in an archive .*_wav_scp",
    ),
    "pipes": ("wav.scp", "a-1 a.wav\nb-2 sox x | sox y\n", r"wav\.scp:2: .*got a pipe .*format_wav_scp"),
    "standard input": ("wav.scp", "a-1 -\nb-2 b.wav\n", r"wav\.scp:1: .*got standard input"),
    "home": ("wav.scp", "a-1 ~/a.wav\nb-2 b.wav\n", r"wav\.scp:1: .*only a shell knows ~"),
    "home of another": ("wav.scp", "a-1 ~me/a.wav\nb-2 b.wav\n", r"wav\.scp:1: .*only a shell knows ~"),
    "old mac": ("text", "a-1 食飯\rb-2 你好\r", r"text:1: lines end in LF, got CR: import"),
    "zero width": (
        "text",
        "a-1 食飯\nb-2\u200b 你好\n",
        r"text:2: .* no invisible characters, got 'b-2\\\\u200b'",
    ),
    "control": ("text", "a-1 食飯\nb-2\x7f 你好\n", r"text:2: .* no invisible characters, got 'b-2\\\\x7f'"),
    "no break": (
        "text",
        "a-1 食飯\nb\u00a0-2 你好\n",
        r"text:2: .* no invisible characters, got 'b\\\\xa0-2'",
    ),
    "variety": ("utt2lang", "a-1 hak\nb-2 hak\ufeff\n", r"utt2lang:2: .* no invisible .* got 'hak\\\\ufeff'"),
    "NUL": ("utt2lang", "a-1 hak\nb-2 hak\0\n", r"utt2lang:2: must be text, got a NUL"),
    "group": ("lang2group", "hak\n", r"lang2group:1: a line is 'id value', got 'hak'"),
    "duration": ("utt2dur", "a-1 0.25\nb-2 long\n", r"utt2dur:2: a duration is .* got 'long'"),
    "no duration": ("utt2dur", "a-1 0\nb-2 1\n", r"utt2dur:1: a duration is .* got '0'"),
    "endless": ("utt2dur", "a-1 inf\nb-2 1\n", r"utt2dur:1: a duration is .* got 'inf'"),
    "speaker": ("utt2spk", "a-1 x\nb-2 b\n", r"utt2spk:1: an utterance id starts with its speaker id"),
    "spk2utt": ("spk2utt", "a b-2\nb a-1\n", r"spk2utt:1: spk2utt is utt2spk turned round"),
    "spk2utt short": ("spk2utt", "a a-1\n", r"spk2utt: .*got no line for speaker b"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_named_with_line_and_rule(folder, case):
    name, content, message = MALFORMED[case]
    (folder / name).write_bytes(content.encode())
    with pytest.raises(DataError, match=message):
        datadir.read(folder)


def test_speakers_that_sort_otherwise_than_their_utterances_are_refused(folder):
    names = {"1_2": "1", "13_1": "13"}
    rows = [replace(TWO[0], id=key, speaker=speaker) for key, speaker in names.items()]
    message = r"utt2spk:2: .* by speaker too .*, got 1_2 of 1 after 13_1 of 13: import the directory"
    with pytest.raises(DataError, match=message):
        datadir.write(folder, rows)
    with pytest.raises(DataError, match=message):
        datadir.read(folder)


@pytest.mark.parametrize("name", ["wav.scp", "utt2spk", "utt2dur", "utt2lang", "utt2sent", "spk2utt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no such file"):
        datadir.read(folder)


def test_bytes_that_are_not_utf8_are_named(folder):
    (folder / "text").write_bytes("a-1 食飯\n".encode() + b"b-2 \xff\n")
    with pytest.raises(DataError, match=r"text:2: must be UTF-8"):
        datadir.read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "a-1", "speaker": "a"}, "ids are unique, got a-1 2 times"),
        ({"wav": "line\nbreak.wav"}, "with a value for every id"),
        ({"text": ""}, "text: a line is 'id value' with a value for every id"),
        ({"speaker": "nobody"}, "starts with its speaker id"),
    ],
)
def test_bad_utterances_are_not_written(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        datadir.write(tmp_path, [TWO[1], replace(TWO[0], **change)])


def test_an_empty_set_tells_what_was_dropped(tmp_path):
    with pytest.raises(DataError, match=r"no utterances remain \(2 unreadable audio, 1 empty transcript\)"):
        reasons = ["unreadable audio", "empty transcript", "unreadable audio"]
        datadir.write(tmp_path, [], [Dropped(str(n), reason) for n, reason in enumerate(reasons)])


def test_the_first_that_was_left_out_for_each_reason_is_told(tmp_path):
    dropped = [Dropped(f"s-{n}", reason, "x.wav") for n, reason in enumerate("aabb")]
    with pytest.raises(DataError, match=r"remain \(2 a, 2 b\); a: s-0 x\.wav; b: s-2 x\.wav$"):
        datadir.write(tmp_path, [], dropped)


def test_twins_are_refused(tmp_path):
    twins = [replace(TWO[0], id=f"b-{key}") for key in ("\u00e9", "e\u0301")]
    with pytest.raises(
        DataError, match=r"wav\.scp:2: names that look the same are the same, got 'b-\\xe9' beside"
    ):
        datadir.write(tmp_path, twins)


def test_what_was_dropped_is_listed(tmp_path):
    dropped = [Dropped("c-3", "unreadable audio", "c.wav: no such file")]
    datadir.write(tmp_path, TWO, [*dropped, Dropped("c-4\u200b", "why")])
    assert datadir.read_dropped(tmp_path) == [*dropped, Dropped(r"c-4\u200b", "why")]


def test_identity_follows_the_tables(folder):
    before = datadir.identity(folder)
    (folder / "notes").write_text("not a table")
    assert datadir.identity(folder) == before
    (folder / "utt2lang").write_text("a-1 hak\nb-2 cmn\n")
    assert datadir.identity(folder) != before


KEYS = st.text(
    st.characters(min_codepoint=33, exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc", "Cf")), min_size=1
).map(partial(normalize, "NFC"))


@given(st.dictionaries(KEYS, KEYS, min_size=1, max_size=5))
def test_any_ids_and_texts_come_back(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("any")
    utterances = [Utterance(key, "w.wav", text, key, "cmn", "s", 1.0) for key, text in texts.items()]
    datadir.write(folder, utterances)
    assert {u.id: u.text for u in datadir.read(folder)} == texts


def test_identity_tells_replaced_recordings_and_tables_tells_columns_alone(tmp_path):
    wav = tmp_path / "a.wav"
    wav.write_bytes(b"1234")
    datadir.write(tmp_path / "data", [Utterance("a", str(wav), "你", "a", "cmn", "s", 1.0)])
    data = tmp_path / "data"
    tables, identities = {datadir.tables(data)}, [datadir.identity(data)]
    os.utime(wav, ns=(0, 0))
    identities.append(datadir.identity(data))
    wav.unlink()
    identities.append(datadir.identity(data))
    assert tables == {datadir.tables(data)} and len(set(identities)) == 3
    (data / "utt2ipa").write_text("a ni\n")
    assert datadir.tables(data) not in tables and datadir.identity(data) not in identities


@pytest.fixture
def texts(folder):
    """A data directory without recordings."""
    for name in ("wav.scp", "utt2dur"):
        (folder / name).unlink()
    return folder


def test_texts_alone_are_read_where_no_recordings_are_needed(texts):
    silent = [replace(u, wav="", duration=0.0) for u in sorted(TWO, key=lambda u: u.id)]
    assert datadir.read(texts, datadir.GROUPING) == silent
    with pytest.raises(
        DataError, match=r"wav\.scp: no such file: recordings are needed here, and .* has none"
    ):
        datadir.read(texts)


def test_where_no_recordings_are_needed_those_that_are_there_are_read_all_the_same(folder):
    assert datadir.read(folder, datadir.GROUPING) == datadir.read(folder)
    (folder / "utt2dur").unlink()
    assert [u.duration for u in datadir.read(folder, datadir.GROUPING)] == [0, 0]


def test_texts_alone_are_read_as_strictly(texts):
    before = datadir.identity(texts)
    (texts / "text").write_text("a-1 食飯\nc-3 你好\n")
    with pytest.raises(DataError, match=r"text:2: every file has the ids of .*utt2spk, got c-3"):
        datadir.read(texts, datadir.GROUPING)
    assert datadir.identity(texts) != before
    (texts / "utt2spk").unlink()
    with pytest.raises(DataError, match=r"utt2lang:2: every file has the ids of .*text"):
        datadir.read(texts, datadir.GROUPING)


def test_the_columns_of_texts_alone_have_their_ids(texts):
    (texts / "units").write_text("a-1 7\nb-2 9\n")
    assert read_column(texts, "units") == {"a-1": "7", "b-2": "9"}
    (texts / "units").write_text("a-1 7\n")
    with pytest.raises(DataError, match=r"units: every file has the ids of .*utt2spk, got none for b-2"):
        read_column(texts, "units")
