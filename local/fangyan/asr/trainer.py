"""ESPnet's ASR task and trainer with what training here needs beyond them; importing it imports ESPnet.

Two keys more in a configuration: ``freeze_layers`` and ``layer_decay``; ``batch_type: catpow`` (with ``iterator_type:
category``) draws varieties by a power of their hours, as `fangyan.asr.sampling` says. A loss that is not finite stops
the run.
They are classes of a module, so that the worker processes of several GPUs find them, and Whisper, by import.
``python -m fangyan.asr.trainer`` is ESPnet's ``asr_train`` with them.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import isnan
from pathlib import Path

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.tasks.abs_task import IteratorOptions, optim_classes
from espnet2.tasks.asr import ASRTask
from espnet2.train import trainer as espnet_trainer
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.reporter import Reporter

import fangyan.encoders.espnet_whisper  # noqa: F401  (registers Whisper)
from fangyan.asr.balanced import BalancedIterFactory
from fangyan.asr.checkpoints import whole_checkpoints
from fangyan.asr.ranks import is_first, same_on_all_ranks
from fangyan.asr.stopping import UntilRequested, stop_if_requested
from fangyan.errors import DataError, UserError


def _join_once(option: DistributedOption, join=DistributedOption.init_torch_distributed) -> None:
    if not torch.distributed.is_initialized():  # by `fangyan.asr.ranks`
        join(option)


DistributedOption.init_torch_distributed = _join_once


def _numbers_first(reporter: Reporter, key: str, key2: str, mode: str, sort=Reporter.sort_epochs_and_values):
    """Epochs and their values, the best first; of those whose value is not a number, none is better than another."""
    rows = sort(reporter, key, key2, mode)
    sign = {"min": 1, "max": -1}[mode]
    if all(isnan(value) for _, value in rows):
        raise UserError(
            f"{key} {key2} was not a number in any epoch, so none is the best: name another criterion"
        )
    return sorted(rows, key=lambda row: (isnan(row[1]), 0 if isnan(row[1]) else sign * row[1]))


Reporter.sort_epochs_and_values = _numbers_first  # ESPnet's order is arbitrary where a value is not a number


class Trainer(ASRTask.trainer):
    """ESPnet's trainer with whole checkpoints; it mends what a kill between two writes of an epoch's end left out."""

    @classmethod
    def run(cls, *, optimizers, trainer_options, **others):
        check_rates(optimizers)
        with whole_checkpoints(Path(trainer_options.output_dir), trainer_options.max_epoch):
            super().run(optimizers=optimizers, trainer_options=trainer_options, **others)

    @classmethod
    def resume(cls, checkpoint, model, reporter, **others):
        super().resume(checkpoint=checkpoint, model=model, reporter=reporter, **others)
        missing = checkpoint.parent / f"{reporter.get_epoch()}epoch.pth"
        if is_first() and not missing.exists():
            torch.save(model.state_dict(), missing)

    @classmethod
    def train_one_epoch(cls, *, iterator, reporter, scaler, options, **others):
        exp = Path(options.output_dir)
        if not same_on_all_ranks(reporter.epoch):
            raise UserError(f"{exp}: the ranks begin with different epochs: do all nodes see this folder?")
        if scaler is not None and espnet_trainer.autocast_args.get("dtype") == torch.bfloat16:
            scaler = torch.amp.GradScaler(enabled=False)  # bfloat16 has the exponents of float32
        others |= {"reporter": reporter, "scaler": scaler, "options": options}
        invalid = super().train_one_epoch(iterator=UntilRequested(iterator), **others)
        stop_if_requested(exp, reporter.epoch)
        return invalid

    @classmethod
    def validate_one_epoch(cls, *, iterator, reporter, options, **others):
        others |= {"reporter": reporter, "options": options}
        super().validate_one_epoch(iterator=UntilRequested(iterator), **others)
        stop_if_requested(Path(options.output_dir), reporter.epoch)


class Task(ASRTask):
    """ESPnet's ASR task with balanced varieties, frozen layers, layer-wise learning rates, losses that are watched."""

    trainer = Trainer

    @classmethod
    def add_task_arguments(cls, parser: ArgumentParser) -> None:
        super().add_task_arguments(parser)
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

    @classmethod
    def build_model(cls, args: Namespace):
        model = super().build_model(args)
        for part in _below(model.encoder, args.freeze_layers):
            part.requires_grad_(False)
        data = (args.valid_data_path_and_name_and_type, args.train_data_path_and_name_and_type)
        model.register_forward_hook(partial(_refuse_what_is_not_finite, data), with_kwargs=True)
        model.register_forward_hook(_part_loss_from_statistics)
        return model

    @classmethod
    def build_iter_factory(
        cls, args: Namespace, distributed_option: DistributedOption, mode: str, kwargs: dict | None = None
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
        if mode != "train":  # the whole set, once
            return cls.build_sequence_iter_factory(args, replace(iter_options, batch_type="numel"), mode)
        return BalancedIterFactory(args, iter_options, cls.build_dataset(args, iter_options))

    @classmethod
    def build_optimizers(cls, args: Namespace, model: torch.nn.Module) -> list[torch.optim.Optimizer]:
        if args.layer_decay == 1:
            return super().build_optimizers(args, model)
        if args.exclude_weight_decay or "lr" not in args.optim_conf:
            raise DataError("layer_decay needs optim_conf: {lr: ...} and goes without exclude_weight_decay")
        groups = rate_groups(model, args.optim_conf["lr"], args.layer_decay)
        return [optim_classes[args.optim](groups, **args.optim_conf)]


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


def check_rates(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """`DataError` where a scheduler gives all parameter groups one rate, though layer_decay asked for several."""
    for optimizer in optimizers:
        wanted = {group.get("initial_lr", group["lr"]) for group in optimizer.param_groups}
        rates = {group["lr"] for group in optimizer.param_groups}
        if len(wanted) > 1 and len(rates) == 1 and rates != {0.0}:
            raise DataError(
                "layer_decay: this scheduler gives all layers one rate; warmuplr scales each layer's"
            )


def _refuse_what_is_not_finite(data: Sequence, model, args: tuple, batch: dict, output: tuple) -> None:
    """A forward hook: `DataError` with the utterances of a batch whose loss is not a finite number."""
    loss = output[0]
    if torch.isfinite(loss).all():
        return
    heard = batch["speech"].isfinite().flatten(1).all(1).tolist()
    broken = [key for key, good in zip(batch["utt_id"], heard, strict=True) if not good]
    why = "samples that are not finite numbers in" if broken else "a batch of"
    raise DataError(
        f"{data[model.training][0][0]}: the loss is {loss.item()} for {why} {' '.join(broken or batch['utt_id'])}; "
        "if these are sound, the learning rate is too high"
    )


def _part_loss_from_statistics(model, args: tuple, output: tuple) -> tuple:
    """A forward hook: the same loss as a tensor of its own.

    What the model reports shares its memory, which ESPnet then divides by accum_grad: the loss of an epoch would be so
    much smaller than that of the development set, but for several ranks, which report copies.
    """
    loss, *reported = output
    return loss.clone(), *reported


if __name__ == "__main__":
    Task.main()
