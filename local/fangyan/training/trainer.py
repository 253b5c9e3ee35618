"""ESPnet's trainer with what training here needs beyond it; importing it imports ESPnet."""

from collections.abc import Sequence
from pathlib import Path

import torch
from espnet2.train import trainer as espnet_trainer

from fangyan.errors import DataError, UserError
from fangyan.training.ranks import is_first, same_on_all_ranks
from fangyan.training.stopping import UntilRequested, stop_if_requested


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
        invalid = super().train_one_epoch(iterator=UntilRequested(iterator), **others)
        stop_if_requested(exp, reporter.epoch)
        return invalid

    @classmethod
    def validate_one_epoch(cls, *, iterator, reporter, options, **others):
        others |= {"reporter": reporter, "options": options}
        super().validate_one_epoch(iterator=UntilRequested(iterator), **others)
        stop_if_requested(Path(options.output_dir), reporter.epoch)


def check_rates(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """`DataError` where a scheduler gives all parameter groups one rate, though layer_decay asked for several."""
    for optimizer in optimizers:
        wanted = {group.get("initial_lr", group["lr"]) for group in optimizer.param_groups}
        rates = {group["lr"] for group in optimizer.param_groups}
        if len(wanted) > 1 and len(rates) == 1 and rates != {0.0}:
            raise DataError(
                "layer_decay: this scheduler gives all layers one rate; warmuplr scales each layer's"
            )
