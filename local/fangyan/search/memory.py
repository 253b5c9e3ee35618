"""An index in memory: recordings that were just encoded, to be searched and forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fangyan.data.datadir import Utterance
from fangyan.features.frames import checked, unit
from fangyan.search.index import MEAN, mean


class MemoryIndex:
    """Utterances by their row; its length is their number. It answers as `fangyan.search.index.Index` does."""

    cells = None

    def __init__(self, utterances: Sequence[Utterance], features: Mapping[str, np.ndarray]) -> None:
        """``features``: (T, d) frames by id, of each utterance; `DataError` as `fangyan.features.frames.checked`."""
        self.utterances = utterances
        self._units = [unit(x) for x in checked({u.id: features[u.id] for u in utterances}).values()]
        self.dimension = self._units[0].shape[1]

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def live(self) -> np.ndarray:
        """The rows to be found: all of them."""
        return np.arange(len(self))

    @cached_property
    def means(self) -> np.ndarray:
        """(N, d) float32, L2-normalised."""
        return np.stack([mean(frames.numpy()) for frames in self._units]).astype(MEAN)

    def means_at(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n, d) float32."""
        return self.means[rows]

    def check_frames(self, rows: Iterable[int]) -> None:
        """They were checked."""

    def units(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The L2-normalised frames of the recordings at ``rows`` end to end, (sum of T, d), and T of each."""
        found = [self._units[row] for row in rows]
        return torch.cat(found), torch.tensor(list(map(len, found)))

    def entry(self, row: int) -> Utterance:
        """What is known of a recording."""
        return self.utterances[row]
