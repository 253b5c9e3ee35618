"""A stack of blocks looked into: what enters it, what each block gives, in batches whose padding changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

type Forward = Callable[[Sequence[Tensor]], tuple[Sequence[Tensor], Tensor]]
"""Inputs, (N,) or (N, d) each -> the outputs of every layer, (B, T, d) each, and the frames of each utterance."""


def in_batches(inputs: Sequence[Tensor], masked: bool, forward: Forward) -> list[list[np.ndarray]]:
    """``[layer][utterance]`` -> (T, d) float32, as ``forward`` gives them.

    ``masked``: whether ``forward`` keeps padding out of every layer. If not, only inputs of equal length, which need
    none, are in one batch.
    """
    order = sorted(range(len(inputs)), key=lambda n: len(inputs[n]))
    batches = [order] if masked else [list(b) for _, b in groupby(order, lambda n: len(inputs[n]))]
    found: dict[int, tuple[np.ndarray, ...]] = {}
    for batch in batches:
        outputs, frames = forward([inputs[n] for n in batch])
        layers = [without_padding(output, frames) for output in outputs]
        found |= dict(zip(batch, zip(*layers, strict=True), strict=True))
    return [list(layer) for layer in zip(*(found[n] for n in range(len(inputs))), strict=True)]


@contextmanager
def watch_blocks(blocks: Sequence[nn.Module], norm: nn.Module | None = None) -> Iterator[list[Tensor]]:
    """A list that grows while the model runs: what enters the first block, what each block gives, then the ``norm``."""
    outputs: list[Tensor] = []

    def enter(block, args, named) -> None:
        outputs.append(first_tensor([*args, *named.values()][0]))

    def leave(block, args, output) -> None:
        outputs.append(first_tensor(output))

    def normalise(block, args, output) -> None:
        if len(outputs) == len(blocks) + 1:  # it may be used for something else besides
            outputs.append(output)

    hooks = [blocks[0].register_forward_pre_hook(enter, with_kwargs=True)]
    hooks += [block.register_forward_hook(leave) for block in blocks]
    hooks += [norm.register_forward_hook(normalise)] if norm else []
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def normalises(model: nn.Module, blocks: Sequence[nn.Module], run: Callable[[], object]) -> nn.Module | None:
    """The norm of ``model`` that is given what the last of its ``blocks`` gives while it runs, if there is one."""
    found: list[nn.Module] = []
    inside = {id(part) for block in blocks for part in block.modules()}
    norms = [part for part in model.modules() if "Norm" in type(part).__name__ and id(part) not in inside]
    with watch_blocks(blocks) as outputs:

        def look(norm, args) -> None:
            if len(outputs) == len(blocks) + 1 and _same(args[0], outputs[-1]):
                found.append(norm)

        hooks = [norm.register_forward_pre_hook(look) for norm in norms]
        try:
            run()
        finally:
            for hook in hooks:
                hook.remove()
    return next(iter(found), None)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one, of whatever numbers, or hold the same."""
    return one is other or one.data_ptr() == other.data_ptr() or torch.equal(one, other)


def first_tensor(output) -> Tensor:
    """The tensor itself, or the first of what comes with positions, masks, weights."""
    return first_tensor(output[0]) if isinstance(output, tuple) else output


def without_padding(output: Tensor, frames: Tensor) -> list[np.ndarray]:
    """(T, d) float32 of each utterance of a batch (B, T', d)."""
    matrices = output.float().cpu().numpy()
    return [matrix[:length] for matrix, length in zip(matrices, frames.tolist(), strict=True)]
