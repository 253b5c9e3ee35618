import os
import pickle

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data import audio
from fangyan.errors import DataError


def sine(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_what_is_written_is_read_back_to_16_bits(tmp_path, suffix):
    samples = sine(16_000).astype(np.float32)
    audio.write(tmp_path / f"a.{suffix}", samples)
    assert np.abs(audio.read(tmp_path / f"a.{suffix}") - samples).max() <= 1 / 2**15


def test_stereo_at_44100_becomes_mono_at_16000(tmp_path):
    both = np.stack([sine(44_100), np.zeros(44_100)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, 44_100)
    samples = audio.read(tmp_path / "a.wav")
    assert samples.shape == (16_000,)
    assert samples.dtype == np.float32
    middle = slice(1000, -1000)  # the filter's edges ring
    assert np.abs(samples - sine(16_000) / 2)[middle].max() < 1e-3


def test_a_segment_is_cut_to_the_sample(tmp_path):
    samples = (np.arange(16_000) / 32_768).astype(np.float32)
    audio.write(tmp_path / "a.wav", samples)
    assert np.array_equal(audio.read(tmp_path / "a.wav", 0.25, 0.5), samples[4000:8000])


@pytest.mark.parametrize(
    ("form", "most"),
    [
        ({"format": "FLAC"}, 0),
        ({"format": "MP3"}, 1e-6),
        ({"format": "OGG", "subtype": "VORBIS"}, 1e-6),
        ({"format": "OGG", "subtype": "OPUS"}, 0.02),  # it fills gaps with noise that depends on the past
    ],
)
def test_a_segment_of_a_compressed_file_is_what_the_whole_has_there(tmp_path, form, most):
    """After a seek, an MP3 decoder is up to 0.1 s wrong unless it is given a lead-in."""
    path = tmp_path / "a.sound"
    time = np.arange(16_000 * 8) / 16_000
    noise = np.random.default_rng(0).standard_normal(len(time)) * (np.sin(2 * np.pi * 0.31 * time) > 0.3)
    melody = np.sin(2 * np.pi * (200 * time + 40 * np.cos(2 * np.pi * 0.4 * time)))
    soundfile.write(
        path, 0.2 * (melody + 0.3 * noise) * (np.sin(2 * np.pi * 2.1 * time) > -0.2), 16_000, **form
    )
    whole = audio.read(path)
    for start in np.arange(0, 7, 0.17):
        first = round(start * 16_000)
        found = audio.read(path, start, start + 0.9)
        assert len(found) == 14_400
        assert np.abs(found - whole[first : first + 14_400]).max() <= most


@pytest.mark.parametrize(("start", "end"), [(0.5, 1.0), (0.5, 1.0001), (0.5, 1.5), (0.5, None)])
def test_a_segment_that_ends_a_little_after_its_file_ends_with_it(tmp_path, start, end):
    samples = (np.arange(16_000) / 32_768).astype(np.float32)
    audio.write(tmp_path / "a.wav", samples)
    assert np.array_equal(audio.read(tmp_path / "a.wav", start, end), samples[8000:])


@pytest.mark.parametrize(
    ("start", "end", "reason", "detail"),
    [
        (0.5, 1.5001, "segment outside its recording", r"0\.5 to 1\.5001 s does not lie within its 1\.000 s"),
        (-0.01, 0.5, "segment outside its recording", "-0.01 to 0.5 s does not lie within"),
        (1.0, 1.2, "segment outside its recording", "1 to 1.2 s does not lie within"),
        (1.0, None, "segment outside its recording", "1 to 1 s does not lie within"),
        (1.2, None, "segment outside its recording", "1.2 to 1 s does not lie within"),
        (0.5, 1e308, "segment outside its recording", r"0\.5 to 1e\+308 s does not lie within"),
        (0.5, 0.5, "too short", "0.5 to 0.5 s has no samples"),
        (0.5, 0.2, "reversed segment", "0.5 to 0.2 s ends before it begins"),
        (0.5, -0.2, "reversed segment", "0.5 to -0.2 s ends before it begins"),
        (0.99999, 1.1, "too short", r"0\.99999 to 1\.1 s has no samples"),
    ],
)
def test_a_segment_that_its_file_does_not_have_is_refused_with_its_kind(tmp_path, start, end, reason, detail):
    audio.write(tmp_path / "a.wav", np.zeros(16_000))
    with pytest.raises(audio.SegmentError, match=rf"a\.wav: segment {detail}") as error:
        audio.read(tmp_path / "a.wav", start, end)
    assert error.value.reason == reason
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


@given(st.integers(800, 4000), st.sampled_from([8000, 16_000, 44_100]), st.floats(0, 1))
def test_a_segment_of_a_rounded_duration_is_in_its_file(frames, rate, part):
    info = audio.Info(rate, 1, frames + rate // 5)
    start = round(part * (info.duration - 0.11), 3)
    assert (
        audio.segment_frames("a.wav", info, max(start, 0), round(info.duration, 3))[1]
        >= info.frames - rate // 2000
    )


def test_unreadable_files_are_named_with_the_reason(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with pytest.raises(DataError, match=r"missing\.wav: .*no such file"):
        audio.probe(tmp_path / "missing.wav")
    with pytest.raises(DataError, match=r"empty\.wav: .*empty file"):
        audio.probe(tmp_path / "empty.wav")
    with pytest.raises(DataError, match=r"text\.wav: not readable as audio"):
        audio.probe(tmp_path / "text.wav")
    with pytest.raises(DataError, match=r"none\.wav: holds no samples"):
        audio.probe(tmp_path / "none.wav")


def test_a_file_of_a_form_that_is_not_read_is_named_with_the_command_that_converts_it(tmp_path):
    for name, command in (
        ("a.dsf", "ffmpeg -i a.dsf a.wav"),
        ("no suffix", "ffmpeg -i 'no suffix' 'no suffix.wav'"),
        ("-a.mp3", "ffmpeg -i -a.mp3 ./-a.wav"),
        ("a.wav", "ffmpeg -i a.wav a-converted.wav"),
    ):
        (tmp_path / name).write_bytes(b"hello " * 99)
        for read in (audio.probe, audio.read):
            with pytest.raises(DataError) as error:
                read(tmp_path / name)
            assert str(error.value).endswith(f"; what a player plays can be converted: {command}")
            assert "not exist" not in str(error.value)


def test_loud_samples_are_clipped_not_wrapped(tmp_path):
    audio.write(tmp_path / "a.wav", np.array([2.0, -2.0]))
    assert audio.read(tmp_path / "a.wav").tolist() == pytest.approx([1.0, -1.0], abs=1e-4)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, rate, bad):
    samples = np.stack([sine(rate), sine(rate)], axis=1).astype(np.float32)
    samples[rate * 3 // 4, 1] = bad
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav: samples are finite numbers, got others"):
        audio.read(tmp_path / "a.wav")
    assert np.isfinite(audio.read(tmp_path / "a.wav", 0.0, 0.5)).all()


@pytest.mark.parametrize(
    ("form", "endian"),
    [("WAV", "LITTLE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("RF64", "FILE"), ("AIFF", "FILE"), ("AU", "BIG")],
)
@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "FLOAT"])
def test_seconds_that_a_cut_file_lacks_are_told(tmp_path, form, endian, subtype):
    file = tmp_path / "a"
    soundfile.write(file, sine(16_000, 2.0), 16_000, format=form, subtype=subtype, endian=endian)
    assert audio.missing_seconds(file, audio.probe(file)) == 0
    os.truncate(file, file.stat().st_size * 3 // 4)
    info = audio.probe(file)
    assert (
        audio.missing_seconds(file, info)
        == pytest.approx(2.0 - info.duration, abs=1e-3)
        == pytest.approx(0.5, abs=0.01)
    )


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 31_998, 32_036])
def test_a_size_that_a_pipe_left_open_or_a_few_bytes_too_many_are_no_cut(tmp_path, size):
    file = tmp_path / "a.wav"
    soundfile.write(file, sine(16_000), 16_000)
    content = bytearray(file.read_bytes())
    content[40:44] = size.to_bytes(4, "little")
    file.write_bytes(content)
    assert audio.missing_seconds(file, audio.probe(file)) == 0


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.w64"])
def test_formats_whose_decoders_tell_of_a_cut_are_theirs_to_judge(tmp_path, name):
    soundfile.write(tmp_path / name, sine(16_000), 16_000)
    assert audio.missing_seconds(tmp_path / name, audio.probe(tmp_path / name)) == 0
