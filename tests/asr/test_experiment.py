import pytest

from fangyan import datadir
from fangyan.asr.experiment import targets, write_tokens
from fangyan.datadir import Utterance
from fangyan.errors import DataError, UserError


@pytest.fixture
def data(tmp_path):
    texts = ["我們，吃吃", "我吃 OK"]
    rows = [
        Utterance(f"u{n}", "w", text, f"u{n}", "cmn", "s", 1.0, text_cmn="好") for n, text in enumerate(texts)
    ]
    datadir.write(tmp_path / "train", rows)
    return tmp_path / "train"


def test_tokens_are_the_normalised_characters_most_frequent_first(data, tmp_path):
    assert write_tokens(data, "text", tmp_path / "tokens")
    assert (tmp_path / "tokens/tokens.txt").read_text().split() == [
        "<blank>",
        "<unk>",
        "吃",
        "我",
        "们",
        "<sos/eos>",
    ]
    assert not write_tokens(data, "text", tmp_path / "tokens")


def test_the_target_chooses_the_wording(data, tmp_path):
    assert targets(data, "text_cmn") == {"u0": "好", "u1": "好"}
    write_tokens(data, "text_cmn", tmp_path / "tokens")
    assert "好" in (tmp_path / "tokens/tokens.txt").read_text()


def test_an_unknown_target_and_a_transcript_without_han_are_refused(data):
    with pytest.raises(UserError, match="unknown target 'ipa': known are text_cmn, text"):
        targets(data, "ipa")
    (data / "text").write_text("u0 我\nu1 OK\n")
    with pytest.raises(DataError, match="text:2: a transcript has Han characters, got none for u1"):
        targets(data, "text")
