"""`fangyan.mining.segmentation`: speech between silences, by silero-vad; the rest by a detector that hears loudness."""

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan import corpora
from fangyan.__main__ import cli
from fangyan.corpora import kaldi
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.entries import read_map
from fangyan.errors import DataError, UserError
from fangyan.ipa.espeak import Voice, synthesise
from fangyan.mining import segmentation
from fangyan.mining.segmentation import Cut, segment, speech
from fangyan.search import Index, add
from fangyan.shards import Shard

RATE = audio.SAMPLE_RATE


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def loud(samples: np.ndarray) -> list[tuple[float, float]]:
    """The stretches that are not silent."""
    on = [bool(samples[n : n + RATE // 100].any()) for n in range(0, len(samples), RATE // 100)]
    changes = np.flatnonzero(np.diff(np.array(on, int), prepend=0, append=0))
    return [(start / 100, end / 100) for start, end in changes.reshape(-1, 2).tolist()]


@pytest.fixture(scope="module")
def broadcast(tmp_path_factory):
    """A recording of three sentences with a second of silence around each, and where they begin and end."""
    parts, at, spans = [silence(1)], 1.0, []
    for text in ("佢喺邊度食飯呀", "我聽日想去學校", "今日天氣好好"):
        samples = synthesise(text, Voice("yue"))[0]
        spans.append((at, at + len(samples) / RATE))
        at += len(samples) / RATE + 1
        parts += [samples, silence(1)]
    folder = tmp_path_factory.mktemp("broadcasts")
    (folder / "news").mkdir()
    audio.write(folder / "news/one two.wav", np.concatenate(parts))
    audio.write(folder / "empty.wav", silence(2))
    (folder / "broken.wav").write_text("no audio")
    return folder, spans


def test_speech_becomes_utterances_that_are_indexed_and_imported(broadcast, tmp_path):
    folder, spans = broadcast
    out = tmp_path / "cut"
    words = ["segment", f"{folder}", "--variety", "yue", "--out", f"{out}"]
    told = CliRunner().invoke(cli, words, catch_exceptions=False).output
    assert told == f"{out}: written\n{out}: 3 utterances, 2 left out ({out}/.dropped.tsv)\n"
    assert "up to date" in CliRunner().invoke(cli, words, catch_exceptions=False).output
    assert [(one.id, one.reason) for one in datadir.read_dropped(out)] == [
        ("broken", "unreadable audio"),
        ("empty", "no speech"),
    ]
    found = [one for one in kaldi.utterances(out) if not isinstance(one, Dropped)]
    assert [one.id[:13] for one in found] == ["news-one_two-"] * 3 and {one.variety for one in found} == {
        "yue"
    }
    for one, (start, end) in zip(found, spans, strict=True):
        assert (
            abs(one.start - start) < 0.3
            and abs(one.end - end) < 0.5
            and one.id.endswith(f"{one.end * 1000:08.0f}")
        )
    add(tmp_path / "index", [out], "fbank")
    assert [entry.start for entry in Index(tmp_path / "index").entries()].__len__() == 3
    home = corpora.prepare("kaldi", out, tmp_path / "data")["test"]
    assert [one.duration for one in datadir.read(home)] == pytest.approx(
        [u.end - u.start for u in found], abs=1e-3
    )


def test_of_long_recordings_a_piece_is_read_at_a_time_and_no_speech_is_cut_by_it(tmp_path, monkeypatch):
    monkeypatch.setattr(segmentation, "PIECE", 10.0)
    # Speech from 1 to 3 s, from 8 to 12 s, across the end of the first piece, and from 19.5 to 21 s of 24.
    samples = silence(24)
    for start, end in ((1, 3), (8, 12), (19.5, 21)):
        samples[int(start * RATE) : int(end * RATE)] = 0.1
    audio.write(tmp_path / "a.wav", samples)
    heard = []

    def detect(samples):
        heard.append(len(samples) / RATE)
        return loud(samples)

    whole = Utterance("a", str(tmp_path / "a.wav"), "", "a", "", "", 24.0)
    assert speech(whole, detect) == [(1.0, 3.0), (8.0, 12.0), (19.5, 21.0)]
    assert heard == [10, 10, 6]  # from 0, 8 and 18 s
    part = Utterance("a", whole.wav, "", "a", "", "", 5.0, start=2.0, end=7.0)
    assert speech(part, detect) == [(2.0, 3.0)]


@pytest.fixture
def many(tmp_path, monkeypatch):
    """Five recordings, and a count of those that were listened to."""
    (tmp_path / "wavs").mkdir()
    for n in range(5):
        audio.write(
            tmp_path / f"wavs/{n}.wav",
            np.concatenate([silence(0.5), 0.1 + silence(1 + n / 10), silence(0.5)]),
        )
    heard = []

    def load(cut):
        return lambda samples: heard.append(len(samples)) or loud(samples)

    monkeypatch.setattr(segmentation, "load_detector", load)
    return tmp_path / "wavs", heard


def test_shards_merged_are_the_whole_and_nothing_is_heard_twice(many, tmp_path):
    wavs, heard = many
    segment([wavs], tmp_path / "whole")
    for part in (Shard(1, 2), Shard(2, 2), Shard(1, 2)):
        segment([wavs], tmp_path / "out", part=part)
    assert segment([wavs], tmp_path / "out", part=Shard(0, 2)) and len(heard) == 10
    names = ("wav.scp", "segments", "utt2spk", "spk2utt", ".dropped.tsv", ".done")
    assert all((tmp_path / "out" / x).read_bytes() == (tmp_path / "whole" / x).read_bytes() for x in names)
    assert read_map(tmp_path / "out/segments")["3-00000500-00001800"] == "3 0.500 1.800"
    assert not (tmp_path / "out/utt2lang").exists()


def test_a_data_directory_keeps_its_speakers_and_varieties(sung, many, tmp_path):
    segment([sung["test"]], tmp_path / "out")
    found = kaldi.utterances(tmp_path / "out")
    assert {one.speaker for one in found} == {"cmntest", "yuetest", "haktest"}
    assert {one.variety for one in found} == {"cmn", "yue", "hak"}


def test_what_is_refused(many, tmp_path):
    wavs, _ = many
    for cut, message in (
        (
            Cut(shortest=2, longest=1),
            "--min_seconds is above 0 and below --max_seconds, which is 900 at most, got 2",
        ),
        (Cut(pad=6), "--pad is below a quarter of --max_seconds"),
    ):
        with pytest.raises(UserError, match=message):
            segment([wavs], tmp_path / "out", cut)
    with pytest.raises(DataError, match="recordings have ids of their own, got 0 as .*wavs/0.wav has"):
        (tmp_path / "others").mkdir()
        audio.write(tmp_path / "others/0.wav", silence(1))
        segment([wavs, tmp_path / "others"], tmp_path / "out")
    with pytest.raises(DataError, match="no speech was found: 1 no speech"):
        segment([tmp_path / "others"], tmp_path / "out")
