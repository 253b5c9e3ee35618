"""Recordings of one's own, transcribed: audio files, folders of them and Kaldi data directories in, text out."""

import os
from collections.abc import Sequence
from pathlib import Path

from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.durations import measure_durations
from fangyan.encoders.espnet_model import locate, open_model
from fangyan.errors import UserError
from fangyan.features.embedding import report_left_out, unique_recordings
from fangyan.progress import track
from fangyan.recognition import decode_conf
from fangyan.recognition.hypotheses import Hypothesis
from fangyan.training.espnet_task import logging_to

FAMILY = "espnet:"


def transcribe(spec: str, paths: Sequence[Path], config: Path) -> dict[str, str]:
    """What the model ``spec`` writes of each recording that ``paths`` name (`find_recordings`), by id, in their order.

    ``config``: the decoding configuration. What cannot be read or is too long or too short for the model is left out
    and reported; `DataError` where nothing is left, `UserError` for a model that does not write.
    """
    argument = _argument(spec)
    utterances = unique_recordings(paths)
    timed, failed = measure_durations(utterances)
    lost = [Dropped(utterance.id, "unreadable audio", str(error)) for utterance, error in failed]
    texts = {}
    for hypothesis in _recognise(argument, timed, config) if timed else ():
        if hypothesis.unheard:
            lost.append(Dropped(hypothesis.id, "not recognised", hypothesis.unheard))
        else:
            texts[hypothesis.id] = hypothesis.text
    report_left_out(lost, len(utterances))
    return {u.id: texts[u.id] for u in utterances if u.id in texts}


def _argument(spec: str) -> str:
    """The folder, zip or Hub id of a model that writes."""
    if not spec.startswith(FAMILY) and not Path(spec).exists():
        raise UserError(
            f"--model {spec}: a model that writes is {FAMILY}<exp folder, model.zip or Hub id>; encoders of other "
            "kinds have no decoder"
        )
    return spec.removeprefix(FAMILY)


def _recognise(argument: str, utterances: Sequence[Utterance], config: Path) -> list[Hypothesis]:
    """The hypotheses of the utterances, longest first: what does not fit into memory shows at once."""
    settings = decode_conf.read(config)
    ordered = sorted(utterances, key=lambda u: (-u.duration, u.id))
    with open_model(argument, whole=True) as folder, logging_to(Path(os.devnull)):
        locate(folder)  # before ESPnet, which takes long to import
        from fangyan.recognition.recogniser import Recogniser

        recognise = Recogniser(folder, settings, str(config))
        return [recognise(u) for u in track(ordered, "transcribe", "recordings")]
