"""ESPnet's iterator over epochs that `fangyan.training.sampling` draws; importing it imports ESPnet."""

import logging
from argparse import Namespace
from itertools import chain
from math import prod
from pathlib import Path

import numpy as np
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.iterators.sequence_iter_factory import SequenceIterFactory
from espnet2.tasks.abs_task import IteratorOptions
from torch import distributed
from torch.utils.data import DataLoader, Dataset

from fangyan.data import datadir
from fangyan.errors import UserError
from fangyan.rounding import percent
from fangyan.training.sampling import batches, draw_epoch, read_pool, sentence_numbers, translations


class BalancedIterFactory(AbsIterFactory):
    """Epochs of ``batch_type: catpow``: ESPnet's keys, drawn anew for each epoch, the same for a seed and an epoch.

    ``upsampling_factor`` is the power of the hours, ``dataset_scaling_factor`` the length of an epoch; ``batch_bins``
    counts numbers with padding, over all inputs and GPUs, as it does for ``batch_type: numel``. ``translations``: so
    many utterances of a sentence are in a batch together, and go to one GPU. ``once``: each utterance once, in the same
    batches each time, as a development set is measured.
    """

    def __init__(
        self, args: Namespace, options: IteratorOptions, dataset: Dataset, once: bool = False
    ) -> None:
        shapes = [
            {key: [int(n) for n in shape.split(",")] for key, shape in datadir.read_map(Path(file)).items()}
            for file in options.shape_files
        ]
        data = Path(options.data_path_and_name_and_type[0][0]).parent
        self.pool = read_pool(data, {key: length for key, (length, *_) in shapes[0].items()})
        self.sentences = sentence_numbers(data, self.pool.keys) if args.translations > 1 else None
        self.sizes = np.array([sum(prod(shape[key]) for shape in shapes) for key in self.pool.keys])
        self.args, self.options, self.dataset, self.once = args, options, dataset, once
        if not once:
            shares = self.pool.shares(args.upsampling_factor).items()
            told = ", ".join(f"{name} {percent(share)} %" for name, share in shares)
            logging.info(f"share of each variety in an epoch: {told}")

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> DataLoader:
        """The batches of an epoch in random order; of each batch, its share for this GPU."""
        random = np.random.default_rng([self.args.seed, 0 if self.once else epoch])
        rank, world = (
            (distributed.get_rank(), distributed.get_world_size()) if self.options.distributed else (0, 1)
        )
        fewest = max(world, self.args.min_batch_size)
        groups = self._groups(self._draw(random), random)
        made = batches(groups, self.sizes, self.options.batch_bins, fewest, random) if groups else []
        largest = len(made[0]) if made else 0
        if largest < world:
            raise UserError(
                f"a batch of {largest} utterances leaves nothing to some of {world} GPUs: take fewer, or longer epochs "
                "(dataset_scaling_factor)"
            )
        return SequenceIterFactory(
            dataset=self.dataset,
            batches=[[self.pool.keys[n] for n in chain.from_iterable(batch[rank::world])] for batch in made],
            seed=self.args.seed,
            num_iters_per_epoch=self.options.num_iters_per_epoch,
            shuffle=not self.once,
            num_workers=self.args.num_workers,
            collate_fn=self.options.collate_fn,
            pin_memory=self.args.ngpu > 0,
        ).build_iter(epoch, shuffle)

    def _draw(self, random: np.random.Generator) -> np.ndarray:
        """The utterances of an epoch."""
        if self.once:
            return np.arange(len(self.pool.keys))
        expected = self.pool.expected(self.args.upsampling_factor, self.args.dataset_scaling_factor)
        return draw_epoch(expected, random)

    def _groups(self, drawn: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
        """What is to be in a batch together: utterances one by one, or translations of each other."""
        if self.sentences is None:
            return [*drawn[:, None]]
        return translations(drawn, self.sentences, self.pool.of, self.args.translations, random)
