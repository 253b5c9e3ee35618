"""`prepare` on names that shells and tables choke on, after a kill, and on many utterances."""

import errno
import os
import shutil
import sys
import tracemalloc
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest
import soundfile

from fangyan import corpora, files
from fangyan.corpora.common import layouts
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

NAMES = {
    "spaces": "a b.wav",
    "quotes": 'it\'s "x".wav',
    "substitution": "$(touch pwned) `touch pwned`.wav",
    "commands": "; touch pwned & .wav",
    "glob": "*?[a].wav",
    "option": "-rf.wav",
    "newline": "a\nb.wav",
    "return": "a\rb.wav",
    "tab": "a\tb.wav",
    "leading": " a.wav",
    "trailing": "a.wav ",
    "pipe": "a.wav|",
    "archive": "a.ark:17",
    "bytes": os.fsdecode(b"\xff.wav"),
}
NOISE = np.random.default_rng(0).normal(0, 0.1, 4800)
AS_THEY_ARE = {"spaces", "quotes", "substitution", "commands", "glob", "option"}
"""What wav.scp can hold."""


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A function: records of the set test -> their data directory, prepared."""
    module = ModuleType("fangyan.corpora.made", "made")
    monkeypatch.setitem(sys.modules, "fangyan.corpora.made", module)
    monkeypatch.setattr(corpora, "names", lambda: ["made"])
    monkeypatch.chdir(tmp_path)

    def prepare(records, out=Path("data"), jobs=1):
        module.splits = lambda root, jobs=1, limit=0: {"test": records}
        return corpora.prepare("made", None, out, jobs)["test"]

    return prepare


def record(key: str, wav: str | Path, **other) -> Utterance:
    return Utterance(key, str(wav), "好", "s", "cmn", key, **other)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_name_of_a_file_is_run_or_breaks_a_table(corpus, tmp_path, jobs):
    for name in NAMES.values():
        soundfile.write(os.fsencode(name), np.full(1600, 0.5), 16_000, format="WAV")
    home = corpus([record(f"s-{kind}", name) for kind, name in NAMES.items()], jobs=jobs)
    assert not (tmp_path / "pwned").exists()
    wavs = {u.id.removeprefix("s-"): u.wav for u in datadir.read(home)}
    assert {kind for kind, wav in wavs.items() if wav == NAMES[kind]} == AS_THEY_ARE
    for wav in wavs.values():
        assert audio.probe(wav) == audio.Info(16_000, 1, 1600)
    assert audio.read(wavs["newline"])[800] == pytest.approx(0.5, abs=1e-3)


def test_what_was_left_out_is_listed_whatever_its_name(corpus):
    soundfile.write("good.wav", np.zeros(1600), 16_000)
    gone = [record(f"s-{n}", name) for n, name in enumerate(NAMES.values())]
    dropped = datadir.read_dropped(corpus([record("s-good", "good.wav"), *gone]))
    assert [d.id for d in dropped] == [r.id for r in gone]
    assert {d.reason for d in dropped} == {"unreadable audio"}
    why = f"not readable as audio (no such file, seen from {Path.cwd()})"
    assert dropped[6].detail == rf"a\nb.wav: {why}"
    assert dropped[13].detail == rf"\udcff.wav: {why}"


def test_an_id_is_no_way_out_of_the_folder(corpus, tmp_path):
    soundfile.write("stereo.wav", np.zeros((1600, 2)), 16_000)
    home = corpus([record("s/../../../../x", "stereo.wav"), record("s" + "話" * 300, "stereo.wav")])
    for utterance in datadir.read(home):
        assert Path(utterance.wav).resolve().is_relative_to(tmp_path / "data" / ".wav" / "test")


@pytest.fixture
def pieces(tmp_path):
    """Six segments of one stereo recording, and a counter of the segments that are read."""
    soundfile.write(tmp_path / "long.wav", np.repeat(NOISE[:, None], 2, axis=1), 8000)
    return [record(f"s-{n}", tmp_path / "long.wav", start=n / 10, end=n / 10 + 0.1) for n in range(6)]


@pytest.fixture
def cuts(monkeypatch):
    """The ids of the segments that were cut, as they are; ``kill``: after so many there is no more."""
    made = []
    read = audio.read_channels

    def counted(path, start=0.0, end=None):
        if len(made) == counted.kill:
            raise KeyboardInterrupt
        made.append(f"s-{round(start * 10)}")
        return read(path, start, end)

    counted.kill = None
    counted.made = made
    monkeypatch.setattr(audio, "read_channels", counted)
    return counted


def test_what_was_converted_before_a_kill_is_not_converted_again(corpus, pieces, cuts):
    corpus(pieces, Path("calm"))
    cuts.made.clear()
    cuts.kill = 4
    with pytest.raises(KeyboardInterrupt):
        corpus(pieces)
    assert cuts.made == ["s-0", "s-1", "s-2", "s-3"] and not Path("data/test").exists()
    cuts.kill = None
    corpus(pieces)
    assert cuts.made == [f"s-{n}" for n in range(6)]
    calm = {name: content.replace(b"calm/", b"data/") for name, content in tree(Path("calm")).items()}
    assert tree(Path("data")) == calm


def test_a_kill_while_a_file_is_written_leaves_none(corpus, pieces, monkeypatch):
    write = Path.write_bytes

    def killed(path, content):
        write(path, content[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_bytes", killed)
        corpus(pieces)
    assert not list(Path("data").rglob("*.flac"))
    assert len(datadir.read(corpus(pieces))) == 6


def test_converted_audio_that_is_gone_is_made_again(corpus, pieces, cuts):
    data = corpus(pieces)
    wavs = list(datadir.read_map(data / "wav.scp").values())
    Path(wavs[0]).unlink()
    cuts.made.clear()
    assert corpus(pieces) == data and Path(wavs[0]).exists() and cuts.made == ["s-0"]
    assert list(datadir.read_map(data / "wav.scp").values()) == wavs


def test_more_utterances_and_other_wording_convert_only_what_is_new(corpus, pieces, cuts):
    corpus(pieces[:4])
    corpus([replace(piece, text="新") for piece in pieces])
    assert cuts.made == [f"s-{n}" for n in range(6)]


def test_another_recording_or_segment_is_never_taken_for_the_old_one(corpus, pieces, cuts, tmp_path):
    before = datadir.read(corpus(pieces[:1]))[0]
    corpus([replace(pieces[0], end=0.15)])
    soundfile.write(tmp_path / "long.wav", np.full((9600, 2), 0.25), 8000)
    after = datadir.read(corpus([*pieces[:1], Dropped("s-x", "stale")]))[0]
    assert cuts.made == ["s-0"] * 3
    assert audio.read(after.wav)[800] == pytest.approx(0.25, abs=0.01)
    assert before.wav != after.wav and Path(before.wav).exists()


def test_each_file_is_opened_once_and_memory_is_bounded(corpus, monkeypatch):
    opened = []
    monkeypatch.setattr(audio, "probe", lambda wav: opened.append(wav) or audio.Info(16_000, 1, 8000))
    monkeypatch.setattr(audio, "missing_seconds", lambda wav, info: 0.0)
    text = "我们今天去学校吃饭然后回家看书"
    count = 3000
    tracemalloc.start()
    corpus([Utterance(f"s-{n:06d}", f"/c/{n}.wav", text, "s", "cmn", f"{text}{n}") for n in range(count)])
    peak = tracemalloc.get_traced_memory()[1] / count
    tracemalloc.stop()
    assert len(opened) == count
    assert peak < 1500, "bytes an utterance: the records, twice for those that change, and little else"


def test_segments_are_cut_at_the_end_of_their_recording_and_counted(corpus, pieces, capsys):
    last = pieces[-1]
    ends = {"s-5": 0.6, "s-6": 0.6001, "s-7": 1.1, "s-8": None, "s-9": 1.2}
    home = corpus([replace(last, id=key, end=end) for key, end in ends.items()])
    assert {u.id: u.duration for u in datadir.read(home)} == dict.fromkeys(["s-5", "s-6", "s-7", "s-8"], 0.1)
    assert [d.reason for d in datadir.read_dropped(home)] == ["segment outside its recording"]
    line = (
        "4 utterances, 0.00 h; left out: 1 segment outside its recording; 2 cut at the end of the recording"
    )
    assert f"{line} (data/test/.changed.tsv)" in capsys.readouterr().out
    rows = files.read_table(home / datadir.CHANGES)
    assert rows[0] == {
        "id": "s-6",
        "change": "cut at the end of the recording",
        "detail": "0.5 to 0.6001 s of 0.6000 s",
    }


def test_ids_that_were_changed_are_counted_and_listed_with_those_they_came_with(corpus, pieces, capsys):
    rest = {"wav": pieces[0].wav, "text": "好", "variety": "cmn"}
    home = corpus(
        [layouts.utterance("utt1", speaker="bob", **rest), layouts.utterance("amy-2", speaker="amy", **rest)]
    )
    assert "2 utterances, 0.00 h; 1 renamed (data/test/.changed.tsv)" in capsys.readouterr().out
    assert files.read_table(home / datadir.CHANGES) == [
        {"id": "bob-utt1", "change": "renamed", "detail": "utt1"}
    ]
    with pytest.raises(DataError, match="utt1 and bob-utt1 of speaker bob are both bob-utt1: rename one"):
        corpus([layouts.utterance(key, speaker="bob", **rest) for key in ("utt1", "bob-utt1")], Path("other"))


def test_a_recording_that_was_left_out_is_looked_at_again_once_it_is_mended(corpus, capsys):
    soundfile.write("a.wav", np.zeros(3200), 16_000)
    records = [record("s-a", "a.wav"), record("s-b", "b.wav")]
    assert len(datadir.read(corpus(records))) == 1
    soundfile.write("b.wav", np.zeros(1600), 16_000)
    soundfile.write("a.wav", np.zeros(4800), 16_000)
    assert [u.duration for u in datadir.read(corpus(records))] == [0.3, 0.1]
    Path("a.wav").unlink()
    assert [u.id for u in datadir.read(corpus(records))] == ["s-b"]
    assert "1 utterances, 0.00 h; left out: 1 unreadable audio" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("gone", ["data/.wav", "data/test/wav.scp", "data/test/utt2lang"])
def test_what_was_made_and_is_gone_is_made_again_and_counts_as_the_same(corpus, pieces, gone):
    home = corpus(pieces)
    before = datadir.identity(home)
    shutil.rmtree(gone) if Path(gone).is_dir() else Path(gone).unlink()
    assert datadir.identity(corpus(pieces)) == before


def test_what_has_not_changed_is_not_looked_at_again(corpus, monkeypatch):
    soundfile.write("a.wav", np.zeros(3200), 16_000)
    corpus([record("s-a", "a.wav"), record("s-b", "b.wav")])
    monkeypatch.delattr(audio, "probe")
    corpus([record("s-a", "a.wav"), record("s-b", "b.wav")])


@pytest.mark.parametrize(("samples", "kept"), [(7, False), (1599, False), (1600, True)])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_too_short_is_left_out_by_name(corpus, samples, kept, whole):
    soundfile.write("a.wav", np.zeros(samples if whole else 16_000), 16_000)
    soundfile.write("good.wav", np.zeros(1600), 16_000)
    piece = record("s-a", "a.wav", end=None if whole else samples / 16_000)
    home = corpus([record("s-good", "good.wav"), piece])
    assert [u.id for u in datadir.read(home)] == (["s-a", "s-good"] if kept else ["s-good"])
    detail = f"a.wav: {samples / 16_000:.4f} s"
    assert datadir.read_dropped(home) == ([] if kept else [Dropped("s-a", "too short", detail)])


def wav_bytes(**form) -> bytes:
    stream = BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, (4800, form.pop("channels", 1)))
    soundfile.write(stream, noise, form.pop("rate", 16_000), **form)
    return stream.getvalue()


WHOLE = {
    "wav": wav_bytes(format="WAV"),
    "float": wav_bytes(format="WAV", subtype="FLOAT", rate=8000, channels=2),
    "flac": wav_bytes(format="FLAC", rate=44_100),
    "ogg": wav_bytes(format="OGG", subtype="OPUS", channels=2),
    "mp3": wav_bytes(format="MP3"),
    "sph": wav_bytes(format="NIST"),
    "au": wav_bytes(format="AU", rate=8000),
    "w64": wav_bytes(format="W64"),
}


def broken(seed: int) -> tuple[str, bytes]:
    """The suffix and content of a file that is cut, or whose header has random bytes in it, or both."""
    draw = Random(seed)
    suffix = draw.choice(sorted(WHOLE))
    content = bytearray(WHOLE[suffix])
    for _ in range(draw.choice((0, 1, 4, 40))):
        content[draw.randrange(min(64, len(content)))] = draw.randrange(256)
    return draw.choice([suffix, "wav", "raw"]), bytes(
        content[: draw.choice([len(content), draw.randrange(len(content))])]
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_broken_file_stops_the_others(corpus, jobs):
    nan = np.full(4800, np.nan)
    soundfile.write("good.wav", np.zeros(1600), 16_000)
    soundfile.write("nan.wav", nan, 8000, subtype="FLOAT")
    soundfile.write("inf.wav", nan - nan + np.inf, 8000, subtype="DOUBLE")
    Path("folder.wav").mkdir()
    Path("loop.wav").symlink_to("loop.wav")
    names = [
        "nan.wav",
        "inf.wav",
        "x" * 300 + ".wav",
        "nul\0.wav",
        "folder.wav",
        "loop.wav",
        "good.wav/x",
        "",
    ]
    for seed in range(60):
        suffix, content = broken(seed)
        names.append(f"{seed}.{suffix}")
        Path(names[-1]).write_bytes(content)
    pieces = [record(f"s-{n}", name, start=0.0, end=0.2) for n, name in enumerate(names)]
    home = corpus(
        [record("s-good", "good.wav"), *pieces, *(record(f"s-w{n}", name) for n, name in enumerate(names))],
        jobs=jobs,
    )
    kept = {u.id for u in datadir.read(home)}
    dropped = datadir.read_dropped(home)
    assert len(kept) + len(dropped) == 1 + 2 * len(names) and "s-good" in kept
    assert {d.reason for d in dropped} == {"unreadable audio", "too short"}
    assert {f"s-{kind}{n}" for kind in ("", "w") for n in range(8)}.isdisjoint(kept)
    details = {d.id: d.detail for d in dropped}
    assert details["s-0"] == "nan.wav: samples are finite numbers, got others"
    assert details["s-w2"].endswith("not readable as audio (File name too long)")
    assert "NUL" in details["s-w3"] or "null byte" in details["s-w3"]


def test_a_full_disk_is_no_unreadable_recording(corpus, monkeypatch):
    soundfile.write("stereo.wav", np.zeros((3200, 2)), 16_000)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(audio, "write", full)
    with pytest.raises(OSError, match="No space left"):
        corpus([record("s-a", "stereo.wav")])


def test_speakers_and_ids_sort_alike_in_what_is_prepared(corpus, capsys):
    soundfile.write("a.wav", np.zeros(1600), 16_000)
    names = {"13_1": "13", "1_2": "1", "1_4": "1"}
    home = corpus([replace(record(key, "a.wav"), speaker=speaker) for key, speaker in names.items()])
    assert (home / "utt2spk").read_text() == "1-1_2 1\n1-1_4 1\n13_1 13\n"
    assert "3 utterances, 0.00 h; 2 renamed (data/test/.changed.tsv)" in capsys.readouterr().out


def test_what_cannot_be_written_down_is_left_out_and_the_rest_prepared(corpus):
    soundfile.write("a.wav", np.zeros(1600), 16_000)
    good = record("s-a", "a.wav")
    bad = {"id": "s b", "speaker": "", "variety": "", "text": "", "sentence": "\n"}
    home = corpus([good, *(replace(good, **{"id": f"s-{key}"} | {key: value}) for key, value in bad.items())])
    assert [u.id for u in datadir.read(home)] == ["s-a"]
    assert [d.reason for d in datadir.read_dropped(home)] == [
        *("id with a blank or an invisible character", "no speaker", "no variety", "no text"),
        "sentence with an invisible character",
    ]


def test_an_empty_table_is_told_with_where_it_lies(tmp_path):
    (tmp_path / "m.csv").write_text("id,audio,variety,text\n")
    with pytest.raises(
        DataError, match=f"^{tmp_path}/m.csv: the set test of corpus manifest has no utterance"
    ):
        corpora.prepare("manifest", tmp_path / "m.csv", tmp_path / "data")


def test_nothing_that_remains_is_told_with_the_first_reason(corpus):
    with pytest.raises(
        DataError, match=r"^data/test: no utterances remain .*; unreadable audio: s-a gone\.wav: not "
    ):
        corpus([record("s-a", "gone.wav"), record("s-b", "gone.wav")])


LOUD, MIXED = "louder than full scale", "mixed from channels that differ"
CANCELLED = "of channels that cancel each other"
LEVELS = {
    "quiet": (NOISE, 44_100, "PCM_16", []),
    "full": (np.sign(NOISE), 44_100, "PCM_16", []),
    "float": (NOISE, 16_000, "FLOAT", []),
    "int16 range": (NOISE * 30_000, 44_100, "FLOAT", [LOUD]),
    "int16 range in place": (NOISE * 30_000, 16_000, "FLOAT", [LOUD]),
    "double": (NOISE * 30_000, 16_000, "DOUBLE", [LOUD]),
    "one sample far beyond": (np.append(NOISE, 1e30), 16_000, "FLOAT", [LOUD]),
    "overshoot of one sample": (np.append(NOISE, 1.5), 16_000, "FLOAT", []),
    "equal channels": (np.stack([NOISE, NOISE], 1), 16_000, "PCM_16", []),
    "nearly equal channels": (np.stack([NOISE, NOISE * 0.7], 1), 16_000, "PCM_16", []),
    "two channels": (np.stack([NOISE, NOISE[::-1]], 1), 16_000, "PCM_16", [MIXED]),
    "one channel of two": (np.stack([NOISE, NOISE * 0], 1), 16_000, "PCM_16", [MIXED]),
    "antiphase": (np.stack([NOISE, -NOISE], 1), 16_000, "PCM_16", [CANCELLED]),
    "silence": (np.zeros((4800, 2)), 16_000, "PCM_16", []),
}


def test_what_levels_and_channels_lose_is_counted_and_listed_even_after_a_kill(corpus, monkeypatch, capsys):
    for name, (samples, rate, subtype, _) in LEVELS.items():
        soundfile.write(f"{name}.wav", samples, rate, subtype=subtype)
    records = [record(f"s-{n}", f"{name}.wav") for n, name in enumerate(LEVELS)]

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(datadir, "write", killed)
        corpus(records)
    rows = files.read_table(corpus(records) / datadir.CHANGES)
    lost = [(f"s-{n}", change) for n, (*_, changes) in enumerate(LEVELS.values()) for change in changes]
    assert [(row["id"], row["change"]) for row in rows] == sorted(lost)
    line = f"14 utterances, 0.00 h; 4 {LOUD}, 2 {MIXED}, 1 {CANCELLED} (data/test/.changed.tsv)"
    assert line in capsys.readouterr().out


def test_recordings_that_were_cut_are_counted_whether_converted_or_not(corpus, tmp_path, capsys):
    for rate in (16_000, 8_000):
        soundfile.write(f"{rate}.wav", np.tile(NOISE, rate * 2 // 4800 + 1)[: rate * 2], rate)
        os.truncate(f"{rate}.wav", 44 + rate * 2)
    home = corpus([record("s-a", "16000.wav"), record("s-b", "8000.wav"), record("s-c", "8000.wav", end=1.0)])
    rows = files.read_table(home / datadir.CHANGES)
    assert [(row["id"], row["detail"]) for row in rows] == [
        ("s-a", "1.000 s are missing"),
        ("s-b", "1.000 s are missing"),
    ]
    assert "2 of files that end before their header says" in capsys.readouterr().out


def test_a_float_recording_of_no_numbers_is_left_out_though_it_would_be_used_in_place(corpus):
    soundfile.write("good.wav", NOISE, 16_000)
    soundfile.write("nan.wav", np.where(np.arange(4800) == 7, np.nan, NOISE), 16_000, subtype="FLOAT")
    (gone,) = datadir.read_dropped(corpus([record("s-good", "good.wav"), record("s-nan", "nan.wav")]))
    assert gone == Dropped("s-nan", "unreadable audio", "nan.wav: samples are finite numbers, got others")
