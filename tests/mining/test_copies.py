"""`fangyan.mining.copies`: the same audio under two names is mined as no pair, on either side, nor in one index."""

import shutil

import pytest
import soundfile
from conftest import sing

from fangyan.mining import Rule, Sides, mine
from fangyan.mining.listing import PAIRS, Pair
from fangyan.search import add
from fangyan.tables import read_rows


@pytest.fixture
def copied(tmp_path):
    """Recordings, and the same under other names: half of them as they are, half as FLAC; and one that is other."""
    data = sing(tmp_path / "sung", "test")
    wavs = sorted({line.split()[1] for line in (data / "wav.scp").read_text().splitlines()})
    (tmp_path / "left").mkdir()
    (tmp_path / "right 方言").mkdir()
    for n, wav in enumerate(wavs):
        shutil.copy(wav, tmp_path / "left" / f"{n}.wav")
        if n % 2:
            shutil.copy(wav, tmp_path / "right 方言" / f"copy of {n}.wav")
        else:
            soundfile.write(
                tmp_path / "right 方言" / f"copy of {n}.flac", *soundfile.read(wav, dtype="int16")
            )
    for name in ("left", "right 方言"):
        add(tmp_path / f"{name} index", [tmp_path / name], "fbank")
    return tmp_path / "left index", tmp_path / "right 方言 index"


def number(wav):
    return wav.rsplit("/", 1)[1].removeprefix("copy of ").split(".")[0]


def test_a_copy_on_the_other_side_is_no_translation(copied, tmp_path):
    mine(Sides(*copied), Rule("0"), tmp_path / "out", k=4, cut=8)
    rows = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert rows and not [row for row in rows if number(row.source_wav) == number(row.target_wav)]


def test_nor_is_one_in_the_same_index(copied, tmp_path):
    add(copied[0], [tmp_path / "right 方言"])
    mine(Sides(copied[0], copied[0]), Rule("0"), tmp_path / "out", k=4, cut=8)
    rows = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert rows and not [row for row in rows if number(row.source_wav) == number(row.target_wav)]


def test_what_lies_there_no_more_is_taken_for_another(copied, tmp_path):
    shutil.rmtree(tmp_path / "left")
    mine(Sides(*copied), Rule("0"), tmp_path / "out", k=4, cut=8)
    rows = read_rows(tmp_path / "out" / PAIRS, Pair)
    assert all(number(row.source_wav) == number(row.target_wav) for row in rows if row.seqsim > 0.9999)
    assert max(row.seqsim for row in rows) > 0.9999
