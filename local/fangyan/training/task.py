"""What all training tasks here have in common, over whatever task of ESPnet; importing it imports ESPnet.

A task says what it reads (`Input`) and measures (`Curve`), and brings classes of its own; `training.tasks` shows how
one is written. Checkpoints, resuming, ranks, stopping, sampling, freezing and learning rates are the same for all.

Keys more in a configuration than ESPnet has: ``task``; ``freeze_layers`` and ``layer_decay``; ``batch_type: catpow``
(with ``iterator_type: category``) draws varieties by a power of their hours, as `training.sampling` says, and
``translations: 3`` has up to three utterances of a sentence in a batch together; ``init_heads`` is of
`training.initialise`. A loss that is not finite stops the run.
"""

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.tasks.abs_task import IteratorOptions, optim_classes
from espnet2.utils.types import str2bool

from fangyan.encoders import espnet_patches
from fangyan.errors import DataError, UserError
from fangyan.registry import ASR
from fangyan.training import history
from fangyan.training.balanced import BalancedIterFactory
from fangyan.training.checkpoints import whole_checkpoints
from fangyan.training.history import Curve
from fangyan.training.inputs import SPEECH, Input
from fangyan.training.lengths import check_heard
from fangyan.training.run import Run
from fangyan.training.trainer import Trainer, counted_utterances


class Trained:
    """What a task of ESPnet gets by this class before it: ``class Task(Trained, ASRTask)``.

    ``inputs``: what a batch holds, speech first; the statistics are of those that ESPnet's own task knows. ``curves``:
    what is measured beside the loss: columns of history.tsv, panels of the figure. ``classes``: by part of the model
    (encoder, model ...) and name, those that a configuration may choose beyond ESPnet's and those of the tasks that
    this one is made from. ``alone``: what a configuration says instead where only the encoder of a model is wanted;
    empty: the model is built whole.
    """

    inputs: ClassVar[tuple[Input, ...]] = (SPEECH,)
    curves: ClassVar[tuple[Curve, ...]] = ()
    classes: ClassVar[Mapping[str, Mapping[str, type]]] = MappingProxyType({})
    alone: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    trainer = Trainer

    @classmethod
    def check(cls, job: Run) -> None:
        """`DataError` for data that nothing can be learnt from, before the first epoch; there are statistics then."""
        check_heard(job)

    @classmethod
    def inputs_by(cls, settings: Mapping[str, Any]) -> tuple[Input, ...]:
        """The inputs by a configuration, which may name columns; their names are those of ``inputs``."""
        return cls.inputs

    @classmethod
    def arguments(cls, job: Run) -> dict[str, Any]:
        """What ESPnet is told of a run besides its data, statistics and tokens."""
        return {}

    @classmethod
    def summary(cls, job: Run) -> dict[str, Any]:
        """What ``train.json`` says of a run besides what it says of all."""
        return {}

    @classmethod
    def further_files(cls, settings: Mapping[str, Any]) -> list[Path]:
        """The files that are learnt from beside the data directories."""
        return []

    @classmethod
    def known_classes(cls) -> dict[str, dict[str, type]]:
        """The classes that a configuration may choose by part of the model and name: ESPnet's and further ones."""
        with cls._registered():
            return {choice.name: dict(choice.classes) for choice in cls.class_choices_list}

    @classmethod
    def _registered(cls):
        further: dict[str, dict[str, type]] = defaultdict(dict)
        for base in reversed(cls.__mro__):
            for part, named in vars(base).get("classes", {}).items():
                further[part] |= named
        return espnet_patches.registered(cls.class_choices_list, further)

    @classmethod
    def get_parser(cls) -> ArgumentParser:
        with cls._registered():
            return super().get_parser()

    @classmethod
    def build_model(cls, args: Namespace):
        with cls._registered():
            return super().build_model(args)

    @classmethod
    def espnet_names(cls) -> set[str]:
        """The inputs that ESPnet's own task knows, whether it requires them or not."""
        return {*super().required_data_names(), *super().optional_data_names()}

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        further = (one.name for one in cls.inputs if one.name not in cls.espnet_names())
        return (*super().optional_data_names(train, inference), *further)

    @classmethod
    def main_worker(cls, args: Namespace) -> None:
        exp, told = Path(args.output_dir), history.columns(cls.curves)
        with espnet_patches.for_training(), whole_checkpoints(exp, args.max_epoch, told):
            super().main_worker(args)

    @classmethod
    def add_task_arguments(cls, parser: ArgumentParser) -> None:
        super().add_task_arguments(parser)
        parser.add_argument("--task", default=ASR, help="The name of the training task")
        parser.add_argument("--task_package", default="", help="The other package that the task is of")
        parser.add_argument(
            "--freeze_layers",
            type=int,
            default=0,
            help="Blocks not to train, from below; with one the input layer, too",
        )
        parser.add_argument(
            "--layer_decay",
            type=float,
            default=1.0,
            help="Learning rate of a block in that of the block above",
        )
        parser.add_argument(
            "--init_heads",
            type=str2bool,
            default=False,
            help="Whether CTC and decoder start from the model of --init, too",
        )
        parser.add_argument(
            "--translations",
            type=int,
            default=1,
            help="So many utterances of a sentence in a batch together, for batch_type: catpow",
        )

    @classmethod
    def build_iter_factory(
        cls, args: Namespace, distributed_option, mode: str, kwargs: dict | None = None
    ) -> AbsIterFactory:
        try:
            return super().build_iter_factory(args, distributed_option, mode, kwargs)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(
                f"no batches can be made of the {mode} data with iterator_type: {args.iterator_type}, batch_type: "
                f"{args.batch_type} ({error})"
            ) from error

    @classmethod
    def build_sequence_iter_factory(
        cls, args: Namespace, iter_options: IteratorOptions, mode: str
    ) -> AbsIterFactory:
        try:
            return super().build_sequence_iter_factory(args, iter_options, mode)
        except RuntimeError as error:
            if "world_size" not in str(error):
                raise
            raise UserError(
                f"{error}: a batch is split over the ranks; raise batch_size or take fewer"
            ) from None

    @classmethod
    def build_category_iter_factory(
        cls, args: Namespace, iter_options: IteratorOptions, mode: str
    ) -> AbsIterFactory:
        if iter_options.batch_type != "catpow":
            return super().build_category_iter_factory(args, iter_options, mode)
        if mode != "train" and args.translations > 1:
            return BalancedIterFactory(args, iter_options, cls.build_dataset(args, iter_options), once=True)
        if mode != "train":  # the whole set, once
            return cls.build_sequence_iter_factory(args, replace(iter_options, batch_type="numel"), mode)
        return BalancedIterFactory(args, iter_options, cls.build_dataset(args, iter_options))

    @classmethod
    def build_streaming_iterator(cls, *args, key_file: str, mode: str, **others) -> Iterator:
        """The batches that statistics are collected from."""
        batches = super().build_streaming_iterator(*args, key_file=key_file, mode=mode, **others)
        return counted_utterances(batches, Path(key_file), f"statistics of the {mode} data")

    @classmethod
    def build_optimizers(cls, args: Namespace, model: torch.nn.Module) -> list[torch.optim.Optimizer]:
        prepare(model, args)
        if args.layer_decay == 1:
            return super().build_optimizers(args, model)
        if args.exclude_weight_decay or "lr" not in args.optim_conf:
            raise DataError("layer_decay needs optim_conf: {lr: ...} and goes without exclude_weight_decay")
        groups = rate_groups(model, args.optim_conf["lr"], args.layer_decay)
        return [optim_classes[args.optim](groups, **args.optim_conf)]


def prepare(model: torch.nn.Module, args: Namespace) -> None:
    """Freezes the layers of ``model`` that ``args`` name, and has its loss watched, as it is from here on trained."""
    for part in _below(model.encoder, args.freeze_layers):
        part.requires_grad_(False)
    data = (args.valid_data_path_and_name_and_type, args.train_data_path_and_name_and_type)
    model.register_forward_hook(partial(_refuse_what_is_not_finite, data), with_kwargs=True)
    model.register_forward_hook(_part_loss_from_statistics)


def rate_groups(model: torch.nn.Module, rate: float, decay: float) -> list[dict]:
    """Parameter groups of an optimiser: ``rate`` above the encoder's blocks, ``decay`` times it in each part below.

    From the highest block down to the input layer, as in fine-tuning ELECTRA (Clark et al. 2020) and BEiT.
    """
    parts = _below(model.encoder, len(model.encoder.encoders))[::-1]
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate * decay**n}
        for n, part in enumerate(parts, 1)
    ]
    below = {id(p) for part in parts for p in part.parameters()}
    above = [p for p in model.parameters() if p.requires_grad and id(p) not in below]
    return [{"params": above, "lr": rate}, *(group for group in groups if group["params"])]


def _below(encoder: torch.nn.Module, layers: int) -> list[torch.nn.Module]:
    """The input layer and the lowest ``layers`` blocks of an encoder; nothing for 0."""
    blocks = list(encoder.encoders) if layers else []
    if not 0 <= layers <= len(blocks):
        raise DataError(f"freeze_layers: the encoder has {len(blocks)} blocks, got {layers}")
    return [encoder.embed, *blocks[:layers]] if layers else []


def _refuse_what_is_not_finite(data: Sequence, model, args: tuple, batch: dict, output: tuple) -> None:
    """A forward hook: `DataError` with the utterances of a batch whose loss is not a finite number."""
    loss = output[0]
    if torch.isfinite(loss).all():
        return
    ids, files = batch["utt_id"], data[model.training]
    file, what, named = files[0][0], "a batch of", ids
    for path, name, *_ in files:
        if broken := _not_finite(batch.get(name), ids):
            values = "samples" if name == SPEECH.name else f"values of {name}"
            file, what, named = path, f"{values} that are not finite numbers in", broken
            break
    raise DataError(
        f"{file}: the loss is {loss.item()} for {what} {' '.join(named)}; if these are sound, the learning rate is too "
        "high"
    )


def _not_finite(values: torch.Tensor | None, ids: Sequence[str]) -> list[str]:
    """The ids of the rows of ``values``, (B, ...), that are not all finite numbers."""
    if values is None or not values.is_floating_point():
        return []
    return [
        key for key, good in zip(ids, values.isfinite().flatten(1).all(1).tolist(), strict=True) if not good
    ]


def _part_loss_from_statistics(model, args: tuple, output: tuple) -> tuple:
    """A forward hook: the same loss as a tensor of its own.

    What the model reports shares its memory, which ESPnet then divides by accum_grad: the loss of an epoch would be so
    much smaller than that of the development set, but for several ranks, which report copies.
    """
    loss, *reported = output
    return loss.clone(), *reported
