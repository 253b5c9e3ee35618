"""ESPnet's trainer with what training here needs beyond it; importing it imports ESPnet."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import length_hint
from pathlib import Path

import torch
from espnet2.train import trainer as espnet_trainer
from espnet2.train.reporter import SubReporter, aggregate

from fangyan.errors import DataError, UserError
from fangyan.progress import Progress
from fangyan.training.ranks import is_first, same_on_all_ranks
from fangyan.training.stopping import UntilRequested, stop_if_requested

RECENT = 100
"""Batches that the loss within an epoch is the mean of."""


class Trainer(espnet_trainer.Trainer):
    """ESPnet's trainer; it stops on request, and mends what a kill between two writes of an epoch's end left out."""

    @classmethod
    def run(cls, *, optimizers, **others):
        check_rates(optimizers)
        super().run(optimizers=optimizers, **others)

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
        batches = Counted(UntilRequested(iterator), f"epoch {reporter.epoch}", partial(recent_loss, reporter))
        invalid = super().train_one_epoch(iterator=batches, **others)
        stop_if_requested(exp, reporter.epoch)
        return invalid

    @classmethod
    def validate_one_epoch(cls, *, iterator, reporter, options, **others):
        others |= {"reporter": reporter, "options": options}
        title = f"epoch {reporter.epoch}, development set"
        super().validate_one_epoch(iterator=Counted(UntilRequested(iterator), title), **others)
        stop_if_requested(Path(options.output_dir), reporter.epoch)


class Counted:
    """Batches of ESPnet's, which are told on stdout as they are done; of several ranks the first tells its own."""

    def __init__(self, batches: Iterable, title: str, detail: Callable[[], str] = str) -> None:
        self.batches, self.title, self.detail = batches, title, detail

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator:
        if not is_first():
            yield from self.batches
            return
        with Progress(self.title, length_hint(self.batches), "batches", stream=sys.stdout) as progress:
            for batch in self.batches:
                yield batch
                progress.update(detail=self.detail)


def counted_utterances(batches: Iterable, keys: Path, title: str) -> Iterator:
    """Batches of the utterances that ``keys`` has a line for, which are told on stdout as they are done."""
    with keys.open("rb") as lines:
        total = sum(1 for _ in lines)
    with Progress(title, total, "utterances", stream=sys.stdout) as progress:
        for ids, batch in batches:
            yield ids, batch
            progress.update(len(ids))


def recent_loss(reporter: SubReporter) -> str:
    """``loss 12.3``: the mean over the last `RECENT` batches of an epoch."""
    last = reporter.stats.get("loss", [])[-RECENT:]
    return f"loss {aggregate(last):.4g}" if last else ""


def check_rates(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """`DataError` where a scheduler gives all parameter groups one rate, though layer_decay asked for several."""
    for optimizer in optimizers:
        wanted = {group.get("initial_lr", group["lr"]) for group in optimizer.param_groups}
        rates = {group["lr"] for group in optimizer.param_groups}
        if len(wanted) > 1 and len(rates) == 1 and rates != {0.0}:
            raise DataError(
                "layer_decay: this scheduler gives all layers one rate; warmuplr scales each layer's"
            )
