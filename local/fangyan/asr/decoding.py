"""Beam search over hybrid CTC/attention models, from the last layer of the encoder or an earlier one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

from fangyan import audio, datadir, shards
from fangyan import config as configs
from fangyan.asr.task import logging_to, parameters
from fangyan.datadir import Utterance
from fangyan.encoders import best_device
from fangyan.encoders.espnet_model import asr_task, for_recognition, locate, opened
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, read_text, write_text
from fangyan.shards import WHOLE, Part

LOG = "decode.log"


def decode(
    exp: Path | str,
    sets: Sequence[Path],
    config: Path,
    out: Path,
    exits: Sequence[str] = (),
    part: Part = WHOLE,
) -> list[Path]:
    """The folders ``out/<set>`` that had to be written: ``text``, the best hypotheses by joint CTC/attention search.

    ``exp``: an experiment folder, a packed model or its Hub id. ``exits``: layers that the encoder is left at instead
    (`exit_layers`), each into ``out/<set>/<layer>``; `UserError` for one that the encoder lacks. ``part``: a share of
    the utterances, or the joining of all shares.
    """
    with opened(str(exp), whole=True) as folder:
        return _decode_sets(folder, sets, config, out, exits, part)


def _decode_sets(
    exp: Path, sets: Sequence[Path], config: Path, out: Path, exits: Sequence[str], part: Part
) -> list[Path]:
    settings = configs.compose(config)
    recogniser = cache(
        partial(_recogniser, exp, settings, str(config), exits)
    )  # loaded once, and only if there is work
    model = {"model": fingerprint(*locate(exp)[:2]), "settings": settings}
    written = []
    for data in sets:
        inputs = model | {"data": datadir.identity(data)}
        for layer in exits or [""]:
            home = out / data.name / layer
            of_layer = inputs | ({"layer": layer} if layer else {})
            if shards.produce(
                home, of_layer, part, partial(_decode, recogniser, data, layer), partial(_join, data)
            ):
                written.append(home)
    return written


def exit_layers(encoder) -> dict[str, int]:
    """How many blocks are run to decode from each layer of an ESPnet encoder; ``norm``: all, as in the whole model."""
    if not (hasattr(encoder, "encoders") and hasattr(encoder, "after_norm")):
        return {}
    count = len(encoder.encoders)
    return {f"layer{n:02d}": n for n in range(1, count + 1)} | {"norm": count}


@contextmanager
def leaving_after(blocks: int, model) -> Iterator[None]:
    """While it is open, the encoder of ``model`` ends after so many blocks, with its final norm (Shim et al. 2025).

    A block that CTC was trained on as well (interctc) has its own view: there the CTC head reads what it was trained
    on, which an E-Branchformer, unlike a Conformer, does not normalise.
    """
    encoder, late = model.encoder, list(model.encoder.encoders[blocks:])
    seen: dict = {}  # what CTC was trained on, by block

    def look(module, args, output):
        seen.update(output[0][1] if isinstance(output[0], tuple) else ())

    hooks = []
    if blocks in getattr(encoder, "interctc_layer_idx", ()):
        hooks = [
            encoder.register_forward_pre_hook(lambda *_: seen.clear()),
            encoder.register_forward_hook(look),
            model.ctc.ctc_lo.register_forward_pre_hook(lambda *_: seen.get(blocks)),
        ]
    del encoder.encoders[blocks:]
    try:
        yield
    finally:
        encoder.encoders.extend(late)
        for hook in hooks:
            hook.remove()


def _recogniser(exp: Path, settings: Mapping[str, Any], where: str, exits: Sequence[str]) -> Callable:
    asr_task()
    from espnet2.bin.asr_inference import Speech2Text

    configs.check_keys(settings, parameters(Speech2Text) or {}, where)
    with for_recognition(exp) as (model, checkpoint):
        recogniser = Speech2Text(str(model), str(checkpoint), **({"device": best_device()} | dict(settings)))
    known = exit_layers(recogniser.asr_model.encoder)
    for layer in exits:
        if layer not in known:
            raise UserError(f"{exp}: no exit layer {layer!r}: known are {', '.join(known) or 'none'}")
    return recogniser


def _decode(recogniser: Callable[[], Callable], data: Path, layer: str, part: Part, folder: Path) -> None:
    utterances = part.of(datadir.read(data))
    with logging_to(folder / LOG):
        model = recogniser().asr_model
        with leaving_after(exit_layers(model.encoder)[layer], model) if layer else nullcontext():
            lines = list(_lines(recogniser(), utterances, f"{data.name} {layer}".strip()))
    write_text(folder / "text", "".join(lines))


def _join(data: Path, folders: Sequence[Path], folder: Path) -> None:
    """Nothing; the hypotheses of all shares are one text, in which each utterance is exactly once."""
    lines = [line for share in folders for line in read_text(share / "text").split("\n")[:-1]]
    ids = (line.partition(" ")[0] for line in lines)
    shards.exactly_once(folders[0].parent, "utterance", ids, (u.id for u in datadir.read(data)))
    in_order = sorted(lines, key=lambda line: line.partition(" ")[0])
    write_text(folder / "text", "".join(f"{line}\n" for line in in_order))
    with (folder / LOG).open("wb") as log:
        for share in folders:
            log.write((share / LOG).read_bytes())


def _lines(recognise: Callable, utterances: Sequence[Utterance], name: str) -> Iterator[str]:
    from tqdm import tqdm

    for utterance in tqdm(utterances, desc=f"decode {name}", unit="utt", disable=None):
        found = recognise(_heard(utterance))
        nbest = found[0] if isinstance(found, tuple) else found  # with interctc its texts come along
        yield f"{utterance.id} {nbest[0][0] or ''}\n"


def _heard(utterance: Utterance) -> Any:
    try:
        return audio.read(utterance.wav)
    except DataError as error:
        raise DataError(f"{error} (utterance {utterance.id})") from None
