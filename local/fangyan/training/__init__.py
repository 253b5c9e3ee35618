"""Training on ESPnet: what a run depends on, its checkpoints, ranks, stopping and sampling; one door for all tasks.

ESPnet takes a quarter of a minute to import, so it is imported inside the functions that need it.
"""

from fangyan.training.run import TARGETS, Run, write_tokens
from fangyan.training.training import collect_stats, is_trained, train

__all__ = ["TARGETS", "Run", "collect_stats", "is_trained", "train", "write_tokens"]
