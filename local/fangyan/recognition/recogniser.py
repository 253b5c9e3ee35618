"""A model that recognises: one utterance in, its `Hypothesis` out, empty where the encoder cannot hear it."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.encoders import best_device, bounds
from fangyan.encoders.espnet import accepted_samples
from fangyan.encoders.espnet_model import SPECIAL, for_recognition, inference
from fangyan.errors import DataError, UserError, out_of_memory, seen_from
from fangyan.recognition import decode_conf
from fangyan.recognition.hypotheses import Hypothesis


class Recogniser:
    """ESPnet's inference with the model of ``exp``; ``settings`` of `decode_conf.read`, ``where``: their file.

    Raises `UserError` that names the file for settings that do not fit the model.
    """

    def __init__(self, exp: Path, settings: Mapping[str, Any], where: str) -> None:
        decode_conf.check_device(settings, where)
        what = f"{where}: {', '.join(settings) or 'no keys'}"
        with for_recognition(exp) as (model, checkpoint):
            arguments = {"device": best_device()} | dict(settings)
            self._search = _tried(what, inference, model, checkpoint, **arguments)
        self.model = self._search.asr_model
        self._audible = accepted_samples(self.model)
        decode_conf.check_model(settings, self.model, where)
        if self._search.tokenizer is None:
            raise UserError(
                f"{exp}: it writes tokens, but the model (bpemodel) that joins them to text is not there"
            )
        _tried(what, self._try)

    def __call__(self, utterance: Utterance) -> Hypothesis:
        """What is recognised of an utterance; `DataError` where its recording is not there."""
        from espnet2.legacy.nets.pytorch_backend.transformer.subsampling import TooShortUttError

        if not Path(utterance.wav).exists():
            raise DataError(
                f"{utterance.wav}: no such file{seen_from(utterance.wav)}, the recording of utterance {utterance.id}"
            )
        try:
            wave = audio.read(utterance.wav, utterance.start, utterance.end)
        except DataError as error:
            return Hypothesis(utterance.id, unheard=str(error))
        if len(wave) not in self._audible:
            why = bounds.describe_excess(self._audible, len(wave))
            return Hypothesis(utterance.id, unheard=f"{utterance.wav}: {why}")
        try:
            return Hypothesis(utterance.id, self.text(wave, utterance.id))
        except TooShortUttError:  # of an encoder that does not tell beforehand
            why = f"{utterance.wav}: too short for this encoder, got {len(wave)} samples"
            return Hypothesis(utterance.id, unheard=why)

    def text(self, wave: np.ndarray, name: str) -> str:
        """The best hypothesis of a wave, its words parted by one space; ``name``: of the utterance, for errors."""
        try:
            best = self._best(wave)
        except Exception as error:
            if not out_of_memory(error):
                error.add_note(f"while utterance {name} was recognised")
                raise
            raise DataError(
                f"utterance {name}, {len(wave) / audio.SAMPLE_RATE:.1f} s, does not fit into memory: "
                "choose a smaller beam_size, or cut it"
            ) from None
        tokens = [token for token in best[1] if not SPECIAL.fullmatch(token)] if best else []
        return " ".join(self._search.tokenizer.tokens2text(tokens).split())

    def _best(self, wave: np.ndarray) -> Any:
        found = self._search(wave)
        nbest = found[0] if isinstance(found, tuple) else found  # with interctc its texts come along
        return nbest[0] if nbest else None

    def _try(self) -> None:
        """Recognises a second of noise: what does not fit together shows before hours of work."""
        samples = min(max(audio.SAMPLE_RATE, self._audible.start), self._audible.stop - 1)
        noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
        best = self._best(noise)
        if best and not np.isfinite(float(best[3].score)):
            raise ValueError("the score of a hypothesis is not a finite number")


def _tried(what: str, work: Callable, *arguments: Any, **settings: Any) -> Any:
    """``work(...)``; what ESPnet refuses only by failing is a `UserError` on ``what``, a file and its keys."""
    try:
        return work(*arguments, **settings)
    except UserError:
        raise
    except Exception as error:
        logging.exception(what)
        reason = str(error).strip().partition("\n")[0][:200]
        raise UserError(
            f"{what}: ESPnet cannot decode with these settings and this model ({type(error).__name__}: {reason})"
        ) from None
