"""`fangyan.data.ffmpeg`: a stand-in for the program on PATH says what it was asked, and gives what it was told to."""

import os
import stat
import sys

import numpy as np
import pytest

from fangyan.corpora import prepare
from fangyan.data import audio, datadir, durations
from fangyan.data.ffmpeg import SUFFIXES
from fangyan.errors import DataError

PROGRAM = """#!{python}
import json, sys
from pathlib import Path
arguments = sys.argv[1:]
Path({asked!r}).write_text(json.dumps(arguments))
file = arguments[arguments.index("-i") + 1].removeprefix("file:")
said = Path(file).read_bytes()
if said == b"broken":
    sys.exit("first line\\nInvalid data found when processing input")
if said == b"silent":
    sys.exit("Stream map '0:a:0' matches no streams.\\nTo ignore this, add a trailing '?' to the map.")
sys.stdout.buffer.write(said)
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The file with the arguments of the last call of an ffmpeg that gives the bytes of the file as its samples."""
    place, file = tmp_path / "bin" / "ffmpeg", tmp_path / "asked.json"
    place.parent.mkdir()
    place.write_text(PROGRAM.format(python=sys.executable, asked=str(file)))
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{place.parent}{os.pathsep}{os.environ['PATH']}")
    return file


@pytest.fixture
def recording(tmp_path):
    """A recording of half a second of a phone."""
    path = tmp_path / "-a b.M4A"
    path.write_bytes((np.arange(8_000) % 100 * 256).astype("<i2").tobytes())
    return path


def test_what_ffmpeg_gives_is_read_as_16_khz_mono(asked, recording):
    info = audio.probe(recording)
    assert (info.rate, info.channels, info.frames, info.duration) == (16_000, 1, 8_000, 0.5)
    np.testing.assert_array_equal(audio.read(recording), (np.arange(8_000) % 100 / 128).astype(np.float32))
    np.testing.assert_array_equal(audio.read(recording, 0.25, 0.5), audio.read(recording)[4_000:])
    assert audio.missing_seconds(recording, info) == 0


def test_it_reads_that_file_alone_and_asks_nothing(asked, recording):
    audio.read(recording)
    said = asked.read_text()
    for words in (
        '"-nostdin"',
        '"-protocol_whitelist", "file"',
        f'"-i", "file:{recording}"',
        '"-ar", "16000"',
    ):
        assert words in said


def test_a_data_directory_has_what_was_decoded_as_a_file_that_all_read(asked, recording, tmp_path):
    (tmp_path / "mine").mkdir()
    for name, value in {"wav.scp": recording, "utt2lang": "yue", "utt2sent": "s"}.items():
        (tmp_path / "mine" / name).write_text(f"u {value}\n")
    prepare("kaldi", tmp_path / "mine", tmp_path / "data")
    (utterance,) = datadir.read(tmp_path / "data" / "test")
    assert utterance.wav.endswith(".flac") and utterance.duration == 0.5
    assert np.abs(audio.read(utterance.wav) - audio.read(recording)).max() <= 2**-15


def test_what_ffmpeg_refuses_is_named_with_the_reason(asked, tmp_path):
    for name, content, message in (
        ("x.webm", b"broken", r"x.webm: not readable as audio \(ffmpeg: Invalid data found when"),
        ("film.mp4", b"silent", r"film.mp4: not readable as audio \(it has no sound track\)$"),
        ("y.amr", b"", r"y.amr: not readable as audio \(empty file\)"),
    ):
        (tmp_path / name).write_bytes(content)
        for read in (audio.probe, audio.read):
            with pytest.raises(DataError, match=message):
                read(tmp_path / name)
    with pytest.raises(DataError, match=r"z.aac: not readable as audio \(no such file\)"):
        audio.probe(tmp_path / "z.aac")


def test_without_ffmpeg_the_command_is_named(recording, monkeypatch):
    monkeypatch.setenv("PATH", "")
    message = "install ffmpeg, or convert it elsewhere: ffmpeg -i '-a b.M4A' './-a b.wav'"
    with pytest.raises(DataError, match=message):
        audio.probe(recording)
    records = [datadir.Utterance("u", str(recording), "", "u", "yue", "s")]
    with pytest.raises(DataError, match="install ffmpeg"):
        durations.measured(records)


def test_such_files_count_as_recordings_in_a_folder():
    assert set(SUFFIXES) < set(audio.SUFFIXES) and len(audio.SUFFIXES) == len(set(audio.SUFFIXES))
