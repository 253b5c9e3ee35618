"""All places at which ESPnet is bent: each for a while, and what was there stands again afterwards.

Written against ESPnet 202611. Each function names the file and the line or function of it that does otherwise there; an
upgrade of ESPnet begins with reading these again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import isnan
from pathlib import Path
from typing import Any

from fangyan.data.entries import read_map
from fangyan.errors import UserError


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[Any]:
    """While it is open, ``owner.name`` is ``value``; gives what was there."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield before
    finally:
        setattr(owner, name, before)


@contextmanager
def for_hearing() -> Iterator[None]:
    """While it is open, what is imported of ESPnet is for being heard by alone: `types_unchecked`, `uncompiled`."""
    with types_unchecked(), uncompiled():
        yield


@contextmanager
def uncompiled() -> Iterator[None]:
    """While it is open, what ESPnet keeps from torch's compiler does not import that compiler, which nothing uses here.

    espnet2/legacy/nets/pytorch_backend/nets_utils.py: ``@torch.compiler.disable``, which takes a second; transformers,
    which it imports, has ``@torch.compiler.disable(recursive=False)``.
    """
    import torch

    with replaced(torch.compiler, "disable", _undecorated):
        yield


def _undecorated(target: Any = None, *_, **__) -> Any:
    """What a decorator that does nothing gives, with or without options: ``@d``, ``@d(option=1)``, ``d(function)``."""
    return _undecorated if target is None else target


@contextmanager
def types_unchecked() -> Iterator[None]:
    """While it is open, what is imported of ESPnet does not check the types of each call: a third of its import.

    espnet2/train/preprocessor.py and 200 more: ``@typechecked`` of typeguard, which parses the module again for each
    function. For a model that is only to be heard by: in training these checks stand.
    """
    import typeguard

    with replaced(typeguard, "typechecked", _undecorated):
        yield


@contextmanager
def for_training() -> Iterator[None]:
    """While it is open, ESPnet trains as it does here, by the four that follow."""
    with joined_once(), numbers_first(), labels_read(), blank_in_padding():
        yield


@contextmanager
def blank_in_padding() -> Iterator[None]:
    """While it is open, CTC writes nothing into the padding of a batch that its loss was computed of just before.

    espnet2/asr/espnet_model.py: ``_calc_ctc_loss``, whose character error rate counts what stands there: 0.53 in place
    of 0.1 where lengths differ. Blank is token 0.
    """
    import torch
    from espnet2.asr.ctc import CTC

    def forward(ctc: CTC, frames, lengths, *target):
        ctc.lengths = lengths
        return loss(ctc, frames, lengths, *target)

    def argmax(ctc: CTC, frames):
        found, lengths = best(ctc, frames), ctc.lengths
        return found.masked_fill(torch.arange(found.shape[1], device=found.device) >= lengths[:, None], 0)

    with replaced(CTC, "forward", forward) as loss, replaced(CTC, "argmax", argmax) as best:
        yield


@contextmanager
def labels_read() -> Iterator[None]:
    """While it is open, ESPnet reads tables of the kind ``label``: each word as its number, (1,) int64.

    espnet2/train/dataset.py: ``DATA_TYPES``, which has ``text_int`` for what is a number already. The numbers count the
    different words of the table in their order.
    """
    import numpy as np
    from espnet2.train import dataset

    def read(path: str) -> dict[str, np.ndarray]:
        table = read_map(Path(path))
        numbers = {word: n for n, word in enumerate(sorted(set(table.values())))}
        return {key: np.array([numbers[word]]) for key, word in table.items()}

    kinds = dataset.DATA_TYPES | {"label": {"func": read, "kwargs": [], "help": "a word each"}}
    with replaced(dataset, "DATA_TYPES", kinds):
        yield


@contextmanager
def joined_once() -> Iterator[None]:
    """While it is open, ESPnet does not join ranks that are joined (`fangyan.training.ranks`).

    espnet2/train/distributed_utils.py: ``DistributedOption.init_torch_distributed``, which joins them whatever was.
    """
    import torch
    from espnet2.train.distributed_utils import DistributedOption

    def join(option: DistributedOption) -> None:
        if not torch.distributed.is_initialized():
            original(option)

    with replaced(DistributedOption, "init_torch_distributed", join) as original:
        yield


@contextmanager
def numbers_first() -> Iterator[None]:
    """While it is open, an epoch whose value is not a number is never the best; where all are such, `UserError`.

    espnet2/train/reporter.py: ``Reporter.sort_epochs_and_values``, whose order is arbitrary then.
    """
    from espnet2.train.reporter import Reporter

    def sort(reporter: Reporter, key: str, key2: str, mode: str) -> list[tuple[int, float]]:
        rows = original(reporter, key, key2, mode)
        sign = {"min": 1, "max": -1}[mode]
        if all(isnan(value) for _, value in rows):
            raise UserError(
                f"{key} {key2} was not a number in any epoch, so none is the best: name another criterion"
            )
        return sorted(rows, key=lambda row: (isnan(row[1]), 0 if isnan(row[1]) else sign * row[1]))

    with replaced(Reporter, "sort_epochs_and_values", sort) as original:
        yield


@contextmanager
def saving(save: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """While it is open, ESPnet saves by ``save(value, path, ...)``; gives torch's own function.

    espnet2/train/trainer.py: ``torch.save`` in ``Trainer.run``; espnet2/main_funcs/average_nbest_models.py alike.
    """
    import torch

    with replaced(torch, "save", save) as original:
        yield original


@contextmanager
def registered(choices: Collection[Any], classes: Mapping[str, Mapping[str, type]]) -> Iterator[None]:
    """While it is open, ESPnet's ``choices`` (`ClassChoices`) have further ``classes``, by part and name.

    espnet2/tasks/asr.py and the like: ``ASRTask.build_model`` asks ``encoder_choices`` and others of its module.
    """
    with ExitStack() as stack:
        for choice in choices:
            wider = {**choice.classes, **classes.get(choice.name, {})}
            stack.enter_context(replaced(choice, "classes", wider))
        yield


@contextmanager
def recognising(task: type) -> Iterator[None]:
    """While it is open, ESPnet's inference builds models of ``task``, a subclass of its ASR task.

    espnet2/bin/asr_inference.py: ``task = ASRTask`` in ``Speech2Text.__init__``.
    """
    from espnet2.bin import asr_inference

    with replaced(asr_inference, "ASRTask", task):
        yield
