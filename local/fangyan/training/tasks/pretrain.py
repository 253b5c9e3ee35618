"""Pre-training on speech without transcripts and text without speech, through units: SpeechLM.

After Zhang et al. 2024 (arXiv 2209.15329), over any encoder of `training.stacks`, whose blocks are two stacks:

    speech -> input layer -> masked -> speech stack -> swapped -> shared stack -> after_norm
                                           |                          |
                                     units of masked frames     units of masked frames

    text as units -> embeddings -> masked ---------------------> shared stack -> after_norm -> CTC: characters

The loss is, of a masked frame, the cross entropy of its unit at both stacks; of a character of the text ``unit_ctc``
times its CTC loss; and where the front end is learnt, as convolutions on the waveform are and log mel energies are not,
``feature_penalty`` times the mean square of what it gives, whose gradient is taken ``feature_grad_mult`` times.

Swapping puts the embeddings of units in the place of unmasked frames, so that those of speech and of text come to be
alike. Without texts it is masked pre-training as in HuBERT. ``model_conf``: ``units``, how many there are,
``label_rate``, how many a second, and ``speech_layers`` decide the model; the rest is as published.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from espnet2.iterators.abs_iter_factory import AbsIterFactory

from fangyan.data.text import NormalForm
from fangyan.training import summary
from fangyan.training.history import Curve
from fangyan.training.inputs import SPEECH, Input
from fangyan.training.lengths import check_heard
from fangyan.training.pretrained import ENDLESS, SHARED_STACK, SPEECH_STACK, Pretrained
from fangyan.training.run import Run
from fangyan.training.streams import PairedIterFactory, Pairing
from fangyan.training.tasks import asr
from fangyan.training.texts import Texts, model_of, read_texts
from fangyan.training.unit_checks import (
    check_masks,
    check_named,
    check_texts,
    check_units,
    column_of,
    text_files,
)
from fangyan.units.column import COLUMN as UNITS

OPTIONS = (
    ("units_column", str, UNITS, "The column of units of data directories and directories of texts"),
    ("text_data", str, [], "Directories of texts as units to learn from; none: speech alone"),
    ("text_dev", str, [], "Directories of texts as units to measure by"),
    ("text_ratio", float, 1.0, "Units of text for each unit of speech in a batch"),
    ("text_units", int, 1024, "Texts of more units are left out"),
    ("crop_seconds", float, 15.6, "Longer utterances are cut at random"),
)
"""Keys of a configuration beyond those of recognition: name, kind, default, what it is."""


class Task(asr.Task):
    """Speech and its column of units, and beside each batch texts with theirs.

    Measured, of masked frames, for which history weighs batches: ``loss_speech`` and ``loss_shared``, cross entropies
    of units at the two stacks, ``acc_speech`` and ``acc_shared``, the shares of units found; where the front end is
    learnt, ``loss_features``; of texts ``loss_ctc_text`` a character and, of the development set, ``cer_text``, errors
    over characters of a batch.
    """

    inputs = (SPEECH, Input("units", "units", "text_int"))
    curves = (
        *(Curve(f"loss_{stack}", "min") for stack in (SPEECH_STACK, SHARED_STACK)),
        *(Curve(f"acc_{stack}", "max") for stack in (SPEECH_STACK, SHARED_STACK)),
        Curve("loss_features", "min"),
        Curve("loss_ctc_text", "min"),
        Curve("cer_text", "min", ("valid",)),
    )
    classes = MappingProxyType({"model": {"pretrained": Pretrained}})

    @classmethod
    def inputs_by(cls, settings: Mapping[str, Any]) -> tuple[Input, ...]:
        """The column of units is the one that a configuration names; `DataError` for keys that name none."""
        check_named(settings)
        return SPEECH, Input("units", column_of(settings), "text_int")

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return (SPEECH.name,)

    @classmethod
    def add_task_arguments(cls, parser: ArgumentParser) -> None:
        super().add_task_arguments(parser)
        # Without texts, or with blocks dropped, ranks are not to wait for gradients that do not come.
        parser.set_defaults(unused_parameters=True)
        parser.add_argument("--text_form", default="", help="The normal form of what is written")
        for name, kind, default, told in OPTIONS:
            more = {"nargs": "*"} if isinstance(default, list) else {}
            parser.add_argument(f"--{name}", type=kind, default=default, help=told, **more)

    @classmethod
    def arguments(cls, job: Run) -> dict[str, Any]:
        """The normal form of the texts is that of the run."""
        return {"text_form": job.text_form}

    @classmethod
    def summary(cls, job: Run) -> dict[str, Any]:
        """``units``: the fingerprint of the model of units, by which other units are told from those learnt."""
        return {summary.UNITS: model_of(job.sets().values(), column_of(job.settings))}

    @classmethod
    def further_files(cls, settings: Mapping[str, Any]) -> list[Path]:
        """The tables of the directories of texts."""
        return text_files(settings)

    @classmethod
    def check(cls, job: Run) -> None:
        """As of every task; `DataError` for units or texts that are not those of the configuration."""
        check_heard(job)
        check_units(job)
        check_masks(job)
        check_texts(job)

    @classmethod
    def build_iter_factory(
        cls, args: Namespace, distributed_option, mode: str, kwargs: dict | None = None
    ) -> AbsIterFactory:
        """As ESPnet's, with texts beside the batches; none where attention is plotted."""
        speech = super().build_iter_factory(args, distributed_option, mode, kwargs)
        if mode == "plot_att":
            return speech
        written = cls.build_preprocess_fn(args, False)
        pairing = Pairing(
            texts=_texts(args, args.text_data if mode == "train" else args.text_dev),
            encode=lambda text: written("text", {"text": text})["text"],
            ratio=args.text_ratio,
            crop=args.crop_seconds if mode == "train" else ENDLESS,
            label_rate=args.model_conf["label_rate"],
            seed=args.seed,
            fixed=mode != "train",
            rank=distributed_option.dist_rank or 0,
            world=distributed_option.dist_world_size or 1,
        )
        return PairedIterFactory(speech, pairing)


def _texts(args: Namespace, folders: Sequence[str]) -> Texts | None:
    """The texts of these directories; None where none are named, or nothing is learnt of them."""
    if not folders or not args.model_conf.get("unit_ctc", 1):
        return None
    form = NormalForm.parse(args.text_form)
    return read_texts(
        [*map(Path, folders)], args.model_conf["units"], column_of(vars(args)), form, args.text_units
    )
