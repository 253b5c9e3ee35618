from types import SimpleNamespace

import numpy as np
import pytest

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders.espnet_model import SPECIAL
from fangyan.errors import DataError, UserError
from fangyan.recognition.recogniser import Recogniser


@pytest.mark.parametrize("settings", [{"quantize_modules": ["Linaer"]}, {"dtype": "float16"}])
def test_what_fails_in_espnet_is_refused_before_the_first_utterance(job, settings):
    key = next(iter(settings))
    with pytest.raises(
        UserError, match=f"c.yaml: beam_size, device, {key}: ESPnet cannot decode with these settings"
    ):
        Recogniser(job.exp, {"beam_size": 2, "device": "cpu"} | settings, "c.yaml")


@pytest.mark.parametrize("token", ["<blank>", "<unk>", "<sos/eos>", "<s>", "<|zh|>", "<noise>"])
def test_special_tokens_stand_for_no_text(token):
    assert SPECIAL.fullmatch(token)


@pytest.mark.parametrize("token", ["<space>", "我", "<", ">", "▁a", "<0xE6>"])
def test_other_tokens_do(token):
    assert not SPECIAL.fullmatch(token)


class Finding(Recogniser):
    """One that finds what it is told to."""

    def __init__(self, *found) -> None:
        self._found = found
        self._search = SimpleNamespace(
            tokenizer=SimpleNamespace(tokens2text=lambda tokens: "".join(tokens).replace("<space>", " "))
        )

    def _best(self, wave):
        if isinstance(self._found[0], Exception):
            raise self._found[0]
        return None, list(self._found)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["<sos/eos>"], ""),
        (["我", "<unk>", "吃", "<sos/eos>", "<blank>"], "我吃"),
        (["<space>", "o", "k", "<space>", "<unk>", "<space>", "o", "<space>"], "ok o"),
    ],
)
def test_a_hypothesis_is_text_its_words_parted_by_one_space(tokens, text):
    assert Finding(*tokens).text(np.zeros(16_000), "a") == text


def test_an_error_of_one_utterance_names_it():
    with pytest.raises(DataError, match="utterance a-1, 1.0 s, does not fit into memory"):
        Finding(MemoryError()).text(np.zeros(16_000), "a-1")
    with pytest.raises(KeyError) as caught:
        Finding(KeyError("x")).text(np.zeros(16_000), "a-1")
    assert caught.value.__notes__ == ["while utterance a-1 was recognised"]


def test_what_is_too_short_for_an_encoder_that_does_not_tell_is_not_heard(tmp_path):
    from espnet2.legacy.nets.pytorch_backend.transformer.subsampling import TooShortUttError

    audio.write(tmp_path / "a.wav", np.zeros(300, np.float32))
    recognise = Finding(TooShortUttError("short", 1, 7))
    recognise._audible = range(1, 2**32)
    found = recognise(Utterance("a-1", str(tmp_path / "a.wav"), "", "a", "cmn", "s"))
    assert (found.text, found.unheard) == (
        "",
        f"{tmp_path}/a.wav: too short for this encoder, got 300 samples",
    )


def test_further_ways_of_searching_are_those_of_espnet(job, sung):
    song = audio.read(datadir.read(sung["test"])[0].wav)
    more = {"token_type": "char", "streaming": False, "multi_asr": False, "hugging_face_decoder": True}
    assert "<" not in Recogniser(job.exp, {"beam_size": 2, "device": "cpu"} | more, "c.yaml").text(song, "a")
    with pytest.raises(UserError, match="token_type: ESPnet cannot decode with these settings"):
        Recogniser(job.exp, {"beam_size": 2, "device": "cpu", "token_type": "no such"}, "c.yaml")
