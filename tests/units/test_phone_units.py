"""Models of phones: what they are learnt from, what is told of what cannot be read or aligned, the same bytes."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data.datadir import Utterance
from fangyan.encoders import unit_model
from fangyan.errors import DataError
from fangyan.tables import read_rows
from fangyan.units import phone_units as phones
from fangyan.units.assign import assign
from fangyan.units.column import units_of
from fangyan.units.phone_classifier import Example, Linear
from fangyan.units.phone_units import DURATIONS, PhoneDuration, Transcribed


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch):
    """CTC learns little, and soon."""
    monkeypatch.setattr("fangyan.units.phone_classifier.EPOCHS", 2)


@pytest.fixture
def data(sung, tmp_path):
    """A data directory of one's own in which two of three varieties have a dictionary."""
    return shutil.copytree(sung["dev"], tmp_path / "dev")


def replace_line(file, key: str, value: str) -> int:
    """Gives an utterance another value, returns the number of its line."""
    lines = file.read_text().splitlines()
    n = next(n for n, line in enumerate(lines) if line.split()[0] == key)
    lines[n] = f"{key} {value}"
    file.write_text("\n".join(lines) + "\n")
    return n + 1


def test_the_verb_writes_a_model_that_units_are_assigned_by(data, tmp_path):
    out = tmp_path / "phones"
    words = f"phone_units --encoder mfcc --layer mfcc --data {data} --out".split()
    first = CliRunner().invoke(cli, [*words, str(out)])
    assert first.exit_code == 0 and first.stdout == f"{out}: written\n", first.output
    assert "hakdev-s00, variety hak, and no utt2ipa does: 8 such utterances are left out" in first.stderr
    assert "of speakers held out" in first.stderr
    again = CliRunner().invoke(cli, [*words, str(out)])
    assert again.stdout == f"{out}: up to date\n"
    CliRunner().invoke(cli, [*words, str(tmp_path / "same")])
    for name in ("units.safetensors", "units.yaml", DURATIONS):
        assert (out / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
    model = unit_model.load(out)
    assert model.names[:2] == ("SIL", "<UNK>") and {"w", "o"} <= {*model.names} and len(model.bias) == model.k
    rows = read_rows(out / DURATIONS, PhoneDuration)
    assert [row.phone for row in rows] == [*model.names] and rows[0].times == 16 and rows[1].times == 0
    assign(out, [data])
    assert max(units.max() for units in units_of(out, data).values()) < model.k


def test_durations_are_the_mean_and_deviation_of_aligned_frames():
    model = Linear(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    frames = np.eye(2, dtype=np.float32)
    examples = [Example(frames[[0, 1, 1, 1, 0]], [0, 1, 0]), Example(frames[[0, 0, 0, 1, 0]], [0, 1, 0])]
    rows = phones.measure_durations(model, examples, ["SIL", "a", "n"])
    assert rows[0].times == 4 and rows[0].mean == 1.5 and rows[0].deviation == pytest.approx(0.75**0.5)
    assert rows[1:] == [PhoneDuration("a", 2, 2.0, 1.0), PhoneDuration("n", 0, 0.0, 0.0)]


def test_whole_utterances_are_drawn_as_many_frames_of_each_speaker_and_one_speaker_in_ten_is_held_out():
    spoken = [
        Transcribed(Utterance(f"{s}-{n}", "", "", f"{s}", "", "", duration=0.99), ("a",))
        for s in range(20)
        for n in range(5)
    ]
    drawn = phones.draw(spoken, 10.0, 20 * 25, np.random.default_rng(1))  # 10 frames each, 25 a speaker
    assert [t.utterance.speaker for t in drawn] == [f"{s}" for s in range(20) for _ in range(2)]
    assert phones.draw(spoken, 10.0, 10_000, np.random.default_rng(1)) == spoken
    learnt, held_out = phones.split(spoken, np.random.default_rng(1))
    assert len(held_out) == 10 and len(learnt) == 90
    assert not {key.split("-")[0] for key in held_out} & {key.split("-")[0] for key in learnt}
    assert phones.split(spoken[:5], np.random.default_rng(1))[1] == []


def test_a_phone_that_a_model_has_not_is_unknown():
    example = phones.to_example(["a", "ʘ"], np.zeros((5, 2), np.float32), ["SIL", "<UNK>", "a"])
    assert example.phones == [0, 2, 1, 0]


def test_what_cannot_be_read_or_aligned_is_told_with_its_place(data, tmp_path, capsys):
    def learn(*sets, **more):
        return phones.phone_units("mfcc", "mfcc", sets or [data], tmp_path / "units", **more)

    replace_line(data / "text", "cmndev-s03", "看" * 500)
    line = replace_line(data / "text", "cmndev-s01", "Hello")
    learn()
    told = capsys.readouterr().err
    assert f"{data}/text:{line}: no dictionary reads 'Hello' of cmndev-s01, variety cmn" in told
    assert (
        "cmndev-s03.wav: utterance cmndev-s03 has " in told and "1 such utterances of 15 are left out" in told
    )
    (data / "utt2lang").unlink()
    with pytest.raises(DataError, match=r"text:1: no dictionary reads .* is there an utt2lang\?"):
        learn()
    with pytest.raises(DataError, match=r"--frames is less than any utterance has: take more"):
        shutil.copy(data / "utt2spk", data / "utt2ipa")
        learn(frames=1)
    twin = shutil.copytree(data, tmp_path / "twin")
    with pytest.raises(
        DataError, match=r"twin/wav\.scp:1: data directories .* have different ids, got cmndev-s00 of"
    ):
        learn(data, twin)
    (data / "text").unlink()
    with pytest.raises(DataError, match=r"dev/text"):
        learn()
