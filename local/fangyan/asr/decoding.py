"""Beam search over hybrid CTC/attention models."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from fangyan import audio, datadir
from fangyan import config as configs
from fangyan.asr.task import logging_to, parameters
from fangyan.encoders import best_device
from fangyan.encoders.espnet import CHECKPOINT, asr_task
from fangyan.files import fingerprint, produce, write_text


def decode(exp: Path, sets: Sequence[Path], config: Path, out: Path) -> list[Path]:
    """The folders ``out/<set>`` that had to be written: ``text``, the best hypotheses by joint CTC/attention search."""
    settings = configs.compose(config)
    recogniser = cache(
        partial(_recogniser, exp, settings, str(config))
    )  # loaded once, and only if there is work
    model = {"model": fingerprint(exp / "config.yaml", exp / CHECKPOINT), "settings": settings}
    written = []
    for data in sets:
        home = out / data.name
        if produce(home, model | {"data": datadir.identity(data)}, partial(_decode, recogniser, data)):
            written.append(home)
    return written


def _recogniser(exp: Path, settings: Mapping[str, Any], where: str) -> Callable:
    asr_task()
    from espnet2.bin.asr_inference import Speech2Text

    configs.check_keys(settings, parameters(Speech2Text) or {}, where)
    model = {"asr_train_config": str(exp / "config.yaml"), "asr_model_file": str(exp / CHECKPOINT)}
    return Speech2Text(**model, **({"device": best_device()} | dict(settings)))


def _decode(recogniser: Callable[[], Callable], data: Path, folder: Path) -> None:
    from tqdm import tqdm

    with logging_to(folder / "decode.log"):
        lines = []
        for utterance in tqdm(datadir.read(data), desc=f"decode {data.name}", unit="utt", disable=None):
            found = recogniser()(audio.read(utterance.wav))
            nbest = found[0] if isinstance(found, tuple) else found  # with interctc its texts come along
            lines.append(f"{utterance.id} {nbest[0][0] or ''}\n")
    write_text(folder / "text", "".join(lines))
