"""The only door to ESPnet training and decoding.

ESPnet takes a quarter of a minute to import, so it is imported inside the functions that need it.
"""

from fangyan.training.run import TARGETS, Run, write_tokens
from fangyan.training.training import collect_stats, train

__all__ = ["TARGETS", "Run", "collect_stats", "train", "write_tokens"]
