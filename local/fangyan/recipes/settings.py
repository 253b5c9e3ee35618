"""Numbers, names and files among the options of run.sh, where commands run, and what would be ignored."""

import os
import re
from collections.abc import Iterator
from math import inf
from pathlib import Path

from fangyan import config
from fangyan.errors import UserError
from fangyan.recipes.options import Options
from fangyan.registry import task_name

RANGES = {
    "nj": (int, 1, inf),
    "ngpu": (int, 0, inf),
    "num_nodes": (int, 1, inf),
    "seed": (int, 0, 2**32 - 1),  # as numpy takes them
    "vocabulary": (int, 0, inf),
    "k": (int, 2, inf),
    "minutes": (float, 0.1, inf),
    "telling": (int, 0, inf),
    "control_quantile": (float, 0, 1),
}
"""Option -> kind, least and largest value; an empty one is as the default has it."""
NUMBERS = {int: "a whole number", float: "a number"}
CONFIGURATIONS = {"train_config": ("stats", "train", "pretrain"), "finetune_config": ("finetune",)}
"""Option that names the configuration of a training -> the stages that read it."""
MISPLACED = {
    ("emb", "train_config"): ("dual",),
    ("pre", "train_config"): ("asr", "align", "dual"),
    ("pre", "finetune_config"): ("pretrain", "dual"),
    ("dual", "train_config"): ("asr", "align", "pretrain"),
}
"""Template and option -> the tasks that are none of its training."""
RUN_BY = {
    "asr": "--train_config of egs2/TEMPLATE/emb1/emb.sh, or --finetune_config of egs2/TEMPLATE/pre1/pre.sh",
    "pretrain": "--train_config of egs2/TEMPLATE/pre1/pre.sh",
    "dual": "--train_config of egs2/TEMPLATE/dual1/dual.sh",
}
RUN_BY["align"] = RUN_BY["asr"]
"""Task -> the option that takes its configuration."""
TRAINING = "init seed vocabulary ngpu num_nodes".split()
IGNORED = {
    "encoder": [*TRAINING, *"target text_form exit_layers".split()],
    "download": TRAINING,
    "mixture": ["corpus_dir", "corpus_options"],
}
"""Option -> those that nothing heeds where it is given; configurations may stay, as they may stand for many runs."""
PUBLISHING = ("hf_repo", "private", "revision", "i_have_permission")
HUB_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)


def check_ranges(options: Options) -> Iterator[str]:
    """Numbers that are none, or too small or too large."""
    for name, (kind, least, most) in RANGES.items():
        text = options[name]
        try:
            fits = not text or least <= kind(text) <= most
        except ValueError:
            fits = False
        if not fits:
            span = f"from {least}" if most == inf else f"from {least} to {most}"
            yield f"--{name} is {NUMBERS[kind]} {span}, got {text}"


def check_gpus(options: Options) -> None:
    """The GPUs that are here, where a training here is to have some."""
    asked = int(options["ngpu"]) if options["ngpu"].isdecimal() else 0
    elsewhere = options["backend"] == "slurm" or "WORLD_SIZE" in os.environ
    if not asked or elsewhere or not options.runs("train", "pretrain", "finetune"):
        return
    import torch

    if torch.cuda.device_count() < asked:
        visible = torch.cuda.device_count()
        raise UserError(f"--ngpu {asked}: {visible} GPUs are visible here; --ngpu 0 trains on the CPU")


def check_wording(options: Options) -> None:
    """What the model writes."""
    from fangyan.training.run import TARGETS

    if "target" in options.values and options["target"] not in TARGETS:
        raise UserError(f"--target is {' or '.join(TARGETS)}, got {options['target']!r}")


def check_text_form(options: Options) -> None:
    """The normal form of what it writes."""
    from fangyan.data.text import NormalForm

    try:
        NormalForm.parse(options["text_form"])
    except UserError as error:
        raise UserError(f"--text_form: {error}") from None


def check_choice(options: Options) -> Iterator[str]:
    """How a layer is chosen without a development set."""
    way = options["choose_layer"]
    if way not in ("", "folds"):
        yield f"--choose_layer is folds, or empty, got {way}"
    elif way and options["dev_set"]:
        yield f"--choose_layer {way} takes the place of a development set: add --dev_set ''"


def check_tag(options: Options) -> None:
    """The name of the experiment."""
    parts = Path(options["tag"]).parts
    if ".." in parts or options["tag"].startswith("/") or options["tag"] == ".":
        raise UserError(f"--tag is the name of a folder in exp, got {options['tag']!r}")


def check_configurations(options: Options) -> Iterator[str]:
    """The configurations of trainings: a new one of the user's own by what will read it, which takes seconds."""
    for name, stages in CONFIGURATIONS.items():
        if options[name] and options.trains and options.runs(*stages):
            try:
                _check_configuration(options, name)
            except UserError as error:
                yield str(error)


def _check_configuration(options: Options, name: str) -> None:
    path = options.file(name)
    settings = config.compose(path)
    task = task_name(settings, path)
    if task in MISPLACED.get((options.template.stem, name), ()):
        raise UserError(
            f"--{name} {options[name]}: a configuration of the task {task} is no {name} here: it is for {RUN_BY[task]}"
        )
    if options.shipped(name, "train") or (options.exp / "train.json").exists():
        return
    if options.template.stem == "dual":
        from fangyan.dual.settings import read

        read(path)
        return
    from fangyan.training.espnet_task import check

    check(settings, path)
    if options["init"] and settings.get("init_param"):
        raise UserError(f"{path}: init_param and --init both name initial weights: leave one out")


def check_decode_config(options: Options) -> None:
    """The configuration of the decoding."""
    from fangyan.recognition import decode_conf

    if options.runs("decode"):
        decode_conf.read(options.file("decode_config"))


def check_measures(options: Options) -> None:
    """What is measured; a list of the user's own by the measurements themselves, which take seconds to load."""
    known = Path(options["measures"]).name.startswith("measure") and options.shipped("measures", "conf")
    if known or not options.runs("measure"):
        return
    from fangyan.measure import plan

    quantile = options["control_quantile"]
    changes = [f"control.quantile={quantile}"] if quantile else []
    also = ["word_test"] if options["word_test"] == "true" else []
    plan.read(options.file("measures"), also, changes)


def check_ignored(options: Options) -> Iterator[str]:
    """What was typed and would change nothing."""
    for name, others in IGNORED.items():
        for other in others if options[name] else ():
            if options.typed(other):
                yield f"--{other} changes nothing with --{name}: leave one of them out"


def check_publishing(options: Options) -> Iterator[str]:
    """The repository and the token, where it is to be published; what belongs to that, where it is not."""
    if not options.runs("publish"):
        yield from (
            f"--{name} is for the stage publish, which does not run: add --stop_stage publish"
            for name in PUBLISHING
            if options.typed(name)
        )
        return
    names = options["hf_repo"].split("/")
    if len(names) != 2 or not all(map(HUB_NAME.fullmatch, names)):
        yield f"--hf_repo is USER/NAME of the Hugging Face Hub, got {options['hf_repo']!r}"
    if options["revision"] and (
        ".." in options["revision"] or re.search(r"[\s~^:?*\[\\]", options["revision"])
    ):
        yield f"--revision is the name of a branch, got {options['revision']!r}"
    from huggingface_hub import get_token

    if not get_token():
        yield "publishing needs a token of the Hugging Face Hub: `hf auth login`, or set HF_TOKEN"


def check_slurm(options: Options) -> None:
    """The cluster and the classes of its jobs."""
    from fangyan.cluster import classes, scheduler

    if options["backend"] != "slurm" or "SLURM_JOB_ID" in os.environ:
        return
    if options["dry_run"] != "true" and not scheduler.installed():
        raise UserError(
            "--backend slurm: there is no Slurm here (no sbatch): type it on a node from which jobs are submitted, or "
            "leave --backend out to run everything here"
        )
    for name in ("cpu", "gpu", "train"):
        classes.job_class(name)


RULES = (
    check_ranges,
    check_gpus,
    check_wording,
    check_text_form,
    check_choice,
    check_tag,
    check_configurations,
    check_decode_config,
    check_measures,
    check_ignored,
    check_publishing,
    check_slurm,
)
