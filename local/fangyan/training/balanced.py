"""ESPnet's iterator over epochs that `fangyan.training.sampling` draws; importing it imports ESPnet."""

import logging
from argparse import Namespace
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
from fangyan.training.sampling import batches, draw_epoch, read_pool


class BalancedIterFactory(AbsIterFactory):
    """Epochs of ``batch_type: catpow``: ESPnet's keys, drawn anew for each epoch, the same for a seed and an epoch.

    ``upsampling_factor`` is the power of the hours, ``dataset_scaling_factor`` the length of an epoch; ``batch_bins``
    counts numbers with padding, over all inputs and GPUs, as it does for ``batch_type: numel``.
    """

    def __init__(self, args: Namespace, options: IteratorOptions, dataset: Dataset) -> None:
        shapes = [
            {key: [int(n) for n in shape.split(",")] for key, shape in datadir.read_map(Path(file)).items()}
            for file in options.shape_files
        ]
        data = Path(options.data_path_and_name_and_type[0][0]).parent
        self.pool = read_pool(data, {key: length for key, (length, *_) in shapes[0].items()})
        self.sizes = np.array([sum(prod(shape[key]) for shape in shapes) for key in self.pool.keys])
        self.args, self.options, self.dataset = args, options, dataset
        shares = self.pool.shares(args.upsampling_factor).items()
        logging.info(
            f"share of each variety in an epoch: {', '.join(f'{name} {percent(share)} %' for name, share in shares)}"
        )

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> DataLoader:
        """The batches of an epoch in random order; of each batch, its share for this GPU."""
        random = np.random.default_rng([self.args.seed, epoch])
        rank, world = (
            (distributed.get_rank(), distributed.get_world_size()) if self.options.distributed else (0, 1)
        )
        expected = self.pool.expected(self.args.upsampling_factor, self.args.dataset_scaling_factor)
        fewest = max(world, self.args.min_batch_size)
        made = batches(draw_epoch(expected, random), self.sizes, self.options.batch_bins, fewest, random)
        largest = len(made[0]) if made else 0
        if largest < world:
            raise UserError(
                f"a batch of {largest} utterances leaves nothing to some of {world} GPUs: take fewer, or longer epochs "
                "(dataset_scaling_factor)"
            )
        return SequenceIterFactory(
            dataset=self.dataset,
            batches=[[self.pool.keys[n] for n in batch[rank::world]] for batch in made],
            seed=self.args.seed,
            num_iters_per_epoch=self.options.num_iters_per_epoch,
            shuffle=True,
            num_workers=self.args.num_workers,
            collate_fn=self.options.collate_fn,
            pin_memory=self.args.ngpu > 0,
        ).build_iter(epoch, shuffle)
