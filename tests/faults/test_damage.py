"""Files that go bad after they were written, clocks that jump: a sentence and, once mended, the same results."""

import os
import shutil
from pathlib import Path

import disturbed
import pytest

from fangyan.data import datadir


def put_back(path: Path, content: bytes, before: os.stat_result) -> None:
    """``path`` as it was, to size and time."""
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def sentence(ended: disturbed.Ended, *words: str) -> bool:
    """Whether it ended with one sentence that has these words."""
    last = ended.said.splitlines()[-1]
    return ended.code == 2 and all(word in last for word in words) and "Traceback" not in ended.said


@pytest.mark.parametrize("stage", ["stats", "train", "dump"])
def test_a_recording_that_cannot_be_read_is_named(calm, stage, tmp_path):
    home = calm.until(stage, tmp_path / "recipe")
    name = "test" if stage == "dump" else "train"
    utterance = datadir.read(home / "data" / name)[12]
    wav = home / utterance.wav
    whole, before = wav.read_bytes(), wav.stat()
    put_back(wav, b"RIFF" + bytes(len(whole) - 4), before)
    assert sentence(ended := disturbed.run(stage, home), utterance.wav, utterance.id), ended
    put_back(wav, whole, before)
    assert disturbed.run(stage, home).code == 0
    assert disturbed.results(home) == calm.results(stage)


def test_a_recording_that_cannot_be_read_is_named_and_decoding_goes_on(calm, tmp_path):
    home = calm.until("decode", tmp_path / "recipe")
    utterance = datadir.read(home / "data/test")[12]
    wav = home / utterance.wav
    whole, before = wav.read_bytes(), wav.stat()
    wav.write_bytes(b"RIFF" + bytes(40))
    ended = disturbed.run("decode", home)
    assert ended.code == 0 and f"utterance {utterance.id}, " in ended.said and utterance.wav in ended.said
    assert f"\n{utterance.id} \n" in (home / "exp/micro/decode/test/text").read_text()
    put_back(wav, whole, before)
    assert disturbed.run("decode", home).code == 0
    assert disturbed.results(home) == calm.results("decode")


@pytest.mark.parametrize(
    ("stage", "layer"), [("retrieve", "norm"), ("control", "norm"), ("explain", "layer02")]
)
def test_a_damaged_archive_is_named_and_dumped_again(calm, stage, layer, tmp_path):
    """``layer``: one that the stage reads; explanations are of the one chosen on dev."""
    home = calm.until(stage, tmp_path / "recipe")
    feats = home / "exp/micro/feats/test"
    ark = feats / layer / "feats.ark"
    content = bytearray(ark.read_bytes())
    content[len(content) // 2] ^= 1
    ark.write_bytes(content)
    assert sentence(ended := disturbed.run(stage, home), f"{layer}/feats.ark: damaged", "run dump again"), (
        ended
    )
    shutil.rmtree(feats)
    for again in ("dump", stage):
        assert disturbed.run(again, home).code == 0
    assert disturbed.results(home) == calm.results(stage)


@pytest.mark.parametrize("when", [0, 4_102_444_800], ids=["1970", "2100"])
def test_a_clock_that_jumped_makes_no_difference(calm, when, tmp_path):
    home = calm.until("end", tmp_path / "recipe")
    for path in home.rglob("*"):
        if path.suffix not in (".wav", ".flac"):  # recordings are known by their time
            os.utime(path, (when, when))
    for stage in disturbed.STAGES:
        ended = disturbed.run(stage, home)
        assert ended.code == 0 and "written" not in ended.said, (stage, ended)
    there, expected = disturbed.results(home), calm.results("pack")
    for found in (there, expected):  # in the pack is RESULTS.md, which says on which day was measured
        assert found.pop("exp/micro/.packed/.done")
    assert there == expected
