"""A micro experiment of the task align: its configuration, and how one is trained."""

from pathlib import Path

ALIGN = """\
include: {base}
task: align
model: aligned
teacher: text:{teacher}
teacher_prefix: "query: "
model_conf: {{teacher_size: 32, objectives: {objectives}{more}}}
iterator_type: category
batch_type: catpow
batch_bins: 200000
upsampling_factor: 0.5
dataset_scaling_factor: 1.0
translations: 3
max_epoch: 2
best_model_criterion: [[valid, acc_text, max]]
"""
"""To be formatted with ``base``, what it includes, the folder of the ``teacher``, ``objectives`` and ``more``."""


def train_aligned(config: Path, sung: dict[str, Path], exp: Path) -> Path:
    """The experiment ``exp`` with the text side that ``config`` names, trained on copies of the sets that were sung."""
    from shutil import copytree

    from fangyan.training import Run, collect_stats, train, write_tokens
    from fangyan.training.teacher import teach

    data = exp.parent.parent / "data"
    for name in ("train", "dev"):
        teach(config, copytree(sung[name], data / name))
    write_tokens(data / "train", "text_cmn", data / "tokens")
    job = Run(config, data / "train", data / "dev", data / "tokens", "text_cmn", 1, exp)
    collect_stats(job)
    train(job)
    return exp
