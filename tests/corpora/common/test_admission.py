"""What a data directory takes of a corpus: small literal records, and any."""

import subprocess
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.corpora.common import layouts
from fangyan.corpora.common.admission import drop_unwritable, rename_for_order
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

GOOD = Utterance("s-a", "w", "好", "s", "yue", "1", text_cmn="好")
FLAWS = {
    "no id": ({"id": ""}, "no id", "w"),
    "blank": ({"id": "s a"}, "id with a blank or an invisible character", "s a"),
    "line": ({"id": "s\na"}, "id with a blank or an invisible character", r"s\na"),
    "zero width": ({"id": "s-\u200b"}, "id with a blank or an invisible character", r"s-\u200b"),
    "no speaker": ({"speaker": ""}, "no speaker", "w"),
    "speaker": ({"speaker": "s t"}, "speaker with a blank or an invisible character", "s t"),
    "variety": ({"variety": "yue\ufeff"}, "variety with an invisible character", r"yue\ufeff"),
    "no sentence": ({"sentence": ""}, "no sentence", "w"),
    "no text": ({"text": ""}, "no text", "w"),
    "NUL": ({"text": "好\0"}, "text that is no line", r"好\x00"),
    "tab": ({"text_cmn": "好\t"}, "text_cmn that is no line", r"好\t"),
    "twin": ({"id": "s-e\u0301"}, "id that looks like another", r"'s-e\u0301' beside 's-\xe9'"),
}


@pytest.mark.parametrize("case", FLAWS)
def test_what_no_line_can_hold_is_left_out_by_name(case):
    change, *why = FLAWS[case]
    bad = replace(GOOD, **change)
    fine = [GOOD, replace(GOOD, id="s-\u00e9", variety="Hong Kong"), Dropped("x", "why")]
    assert list(drop_unwritable([*fine, bad])) == [*fine, Dropped(bad.id, *why)]


def test_varieties_and_sentences_that_look_the_same_are_the_same():
    twins = [
        replace(GOOD, variety="\u00e9", sentence="\u00e9"),
        replace(GOOD, id="s-2", variety="e\u0301", sentence="e\u0301"),
    ]
    assert [(u.variety, u.sentence) for u in drop_unwritable(twins)] == [("\u00e9", "\u00e9")] * 2


ANY = st.text(max_size=4)


@given(st.lists(st.tuples(ANY, ANY, ANY, ANY, ANY, ANY), min_size=1, max_size=6))
def test_whatever_is_taken_is_written_and_read_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("data")
    made = [
        layouts.utterance(key, "w", text, speaker, variety, text_cmn)
        for key, text, speaker, variety, text_cmn, _ in rows
    ]
    records = [replace(u, ipa=row[-1], duration=1.0) for u, row in zip(made, rows, strict=True)]
    try:
        records = rename_for_order(list(drop_unwritable(list(layouts.drop_repeated(records)))))
    except DataError:  # two ids became one
        return
    kept = [record for record in records if isinstance(record, Utterance)]
    if kept and not is_prefix(u.speaker for u in kept):
        datadir.write(folder, kept, [record for record in records if isinstance(record, Dropped)])
        assert [u.id for u in datadir.read(folder)] == sorted(u.id for u in kept)
        check_as_kaldi(folder)


def is_prefix(speakers) -> bool:
    """Whether the name of a speaker begins another's: such may be refused."""
    return any(a != b and b.startswith(a) for a, b in permutations(speakers, 2))


def of(speakers: dict[str, str]) -> list[Utterance]:
    """Utterances by id with their speaker."""
    return [
        Utterance(wav="w", text="", variety="cmn", sentence="s", **layouts.utterance_names(*u))
        for u in speakers.items()
    ]


@pytest.mark.parametrize(
    ("speakers", "ids"),
    [
        ({"b-1": "b", "a-2": "a"}, ["b-1", "a-2"]),
        ({"13_1": "13", "1_2": "1", "1_4": "1"}, ["13_1", "1-1_2", "1-1_4"]),
        ({"13_1": "13", "2": "1"}, ["13_1", "1-2"]),
        ({"spkA_x": "spkA", "spkAB_x": "spkAB"}, ["spkA-spkA_x", "spkAB_x"]),
        ({"s1-x": "s1", "s1-2-a": "s1-2"}, ["s1!s1-x", "s1-2-a"]),
        ({"s1-1": "s1", "s1-2-a": "s1-2"}, ["s1-1", "s1-2-a"]),
        ({"s+x": "s", "s'a": "s'"}, ["s!s+x", "s'a"]),
        ({"ab": "a", "a-a": "a-a", "a-ab": "a-a"}, ["a!ab", "a-a", "a-ab"]),
        ({"a": "a", "a1": "a1", "a10": "a10"}, ["a", "a1", "a10"]),
    ],
)
def test_ids_sort_as_their_speakers_do(speakers, ids):
    records = rename_for_order([*of(speakers), Dropped("x", "why")])
    assert [r.id for r in records] == [*ids, "x"]
    before = {dict(u.changes).get(layouts.RENAMED, u.id) for u in records[:-1]}
    assert before == set(speakers)


NAME = st.text("aA1-!_+", min_size=1, max_size=3)


@given(st.dictionaries(NAME, NAME, min_size=1, max_size=8))
def test_whatever_speakers_are_called_kaldi_takes_the_data_directory_or_it_is_refused(
    tmp_path_factory, speakers
):
    folder = tmp_path_factory.mktemp("data")
    records = [replace(u, duration=1.0) for u in rename_for_order(of(speakers))]
    try:
        datadir.write(folder, records)
    except DataError as error:
        assert is_prefix(speakers.values()), error
        return
    assert datadir.read(folder) == sorted(records, key=lambda u: u.id)
    check_as_kaldi(folder)


def check_as_kaldi(folder):
    """What utils/validate_data_dir.sh asks of ids and speakers, by sort(1) in the C locale."""

    def by_sort(name: str, *options: str) -> list[str]:
        command = ["sort", *options, str(folder / name)]
        return subprocess.run(
            command, env={"LC_ALL": "C"}, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    utt2spk, spk2utt = ((folder / name).read_text().splitlines() for name in ("utt2spk", "spk2utt"))
    assert by_sort("utt2spk", "-k1,1", "-u") == by_sort("utt2spk", "-k2") == utt2spk
    assert by_sort("spk2utt", "-k1,1", "-u") == spk2utt
    turned = [f"{u} {speaker}" for speaker, *of in map(str.split, spk2utt) for u in of]
    assert turned == utt2spk
