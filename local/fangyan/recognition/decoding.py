"""Beam search over hybrid CTC/attention models, from the last layer of the encoder or an earlier one."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fangyan import config as configs
from fangyan import shards
from fangyan.data import datadir, durations
from fangyan.data.datadir import Utterance
from fangyan.encoders.espnet_model import locate, open_model, recognition_files
from fangyan.encoders.layer_names import layers_in_settings
from fangyan.errors import UserError, known_names
from fangyan.files import fingerprint, is_done
from fangyan.folders import check_replaceable
from fangyan.progress import Progress
from fangyan.recognition import decode_conf
from fangyan.recognition.hypotheses import LOG, Hypotheses, describe, finish
from fangyan.shards import WHOLE, Resumable, Shard
from fangyan.training import summary
from fangyan.training.espnet_task import logging_to
from fangyan.training.run import describe_transcripts

if TYPE_CHECKING:
    from fangyan.recognition.recogniser import Recogniser


def decode(
    exp: Path | str,
    sets: Sequence[Path],
    config: Path,
    out: Path,
    exits: Sequence[str] = (),
    part: Shard = WHOLE,
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to: ``text``, the best hypotheses by joint CTC/attention search.

    ``exp``: an experiment folder, a packed model or its Hub id. ``exits``: layers that the encoder is left at instead
    (`exit_layers`), each into ``out/<set>/<layer>``; `UserError` for one that the encoder lacks. ``part``: a shard of
    the utterances, or the merging of all shards. What a killed process has recognised is gone on with.
    """
    if known := layers_in_settings(f"espnet:{exp}")[1:]:  # before anything is loaded
        _check_exits(exp, exits, known)
    with open_model(str(exp), whole=True) as folder:
        return _decode_sets(folder, sets, config, out, exits, part)


def _decode_sets(
    exp: Path, sets: Sequence[Path], config: Path, out: Path, exits: Sequence[str], part: Shard
) -> list[Path]:
    settings = decode_conf.read(config)
    recogniser = cache(partial(_recogniser, exp, settings, str(config), exits))  # only if there is work
    model = {"model": fingerprint(*recognition_files(exp)), "settings": settings | configs.contents(settings)}
    worked = []
    for data in sets:
        inputs = model | {"data": datadir.identity(data)}
        for layer in exits or [""]:
            home = out / data.name / layer
            job = _Job(data, layer, home, inputs | ({"layer": layer} if layer else {}))
            if is_done(home, job.inputs):
                shards.discard_shards(home)  # a process may have been killed before it did
                continue
            check_replaceable(home, job.inputs)
            for line in _remarks(exp, data):
                print(line, file=sys.stderr)
            if job.run(recogniser, part):
                worked.append(home)
    return worked


def _remarks(exp: Path, data: Path) -> list[str]:
    """What will have no error rate, or a wrong one, of a set whose references are there: better known beforehand."""
    trained = summary.read(locate(exp)[0].parent)
    file = data / trained.get("target", "text")
    if not trained or not file.exists():
        return []
    return describe_transcripts(file, summary.form(trained))


@dataclass(frozen=True)
class _Job:
    """A data directory, the layer that the encoder is left at (empty: the last), where to, and what decides what."""

    data: Path
    layer: str
    home: Path
    inputs: Mapping[str, Any]

    def run(self, recogniser: "Callable[[], Recogniser]", part: Shard) -> bool:
        """Whether there was anything to recognise of a shard, or the whole to finish."""
        utterances = durations.measured(datadir.read(self.data, ["wav.scp"]))
        return Resumable(
            self.home,
            "utterances",
            utterances,
            lambda shard: Hypotheses(shard.folder(self.home), self.inputs, shard.of(utterances)),
            partial(self._extend, recogniser),
            partial(finish, self.home, self.inputs, utterances),
        ).run(part)

    def _extend(
        self, recogniser: "Callable[[], Recogniser]", found: Hypotheses, shard: Sequence[Utterance]
    ) -> None:
        """Recognises the utterances that ``found`` lacks, and writes each at once."""
        found.claim()
        with logging_to(found.folder / LOG):
            recognise = recogniser()
            model, blocks = recognise.model, exit_layers(recognise.model.encoder).get(self.layer)
            title = f"decode {self.data.name} {self.layer}".strip()
            bar = Progress(title, len(shard), "utterances", len(found))
            with bar, early_exit(blocks, model) if self.layer else nullcontext():
                for utterance in shard[len(found) :]:
                    hypothesis = recognise(utterance)
                    if hypothesis.unheard:
                        bar.write(describe(utterance, hypothesis))
                    found.append(hypothesis)
                    bar.update()


def exit_layers(encoder) -> dict[str, int]:
    """How many blocks are run to decode from each layer of an ESPnet encoder; ``norm``: all, as in the whole model."""
    if not (hasattr(encoder, "encoders") and hasattr(encoder, "after_norm")):
        return {}
    count = len(encoder.encoders)
    return {f"layer{n:02d}": n for n in range(1, count + 1)} | {"norm": count}


@contextmanager
def early_exit(blocks: int, model) -> Iterator[None]:
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


def _recogniser(exp: Path, settings: Mapping[str, Any], where: str, exits: Sequence[str]) -> "Recogniser":
    from fangyan.recognition.recogniser import Recogniser

    recogniser = Recogniser(exp, settings, where)
    _check_exits(exp, exits, exit_layers(recogniser.model.encoder))
    return recogniser


def _check_exits(exp: str | Path, exits: Sequence[str], known: Collection[str]) -> None:
    """`UserError` for an exit layer that is not among those that are ``known``."""
    for layer in exits:
        if layer not in known:
            raise UserError(f"{exp}: no exit layer {layer!r}: {known_names(layer, known)}")
