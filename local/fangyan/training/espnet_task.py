"""A training task of ESPnet, run in this process or only sketched: keys checked, messages in a log."""

import logging
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from traceback import extract_tb, walk_tb
from typing import Any, TextIO

import yaml

from fangyan import config as configs
from fangyan.encoders.espnet_build import parameters, task_class
from fangyan.errors import DataError, UserError, known_names, trouble
from fangyan.files import naming, write_text
from fangyan.registry import ASR, TASKS, task_name
from fangyan.training.ranks import Rank, any_rank
from fangyan.training.values import check_values

SAID_ELSEWHERE = {
    "seed": "--seed",
    "output_dir": "--exp",
    "ngpu": "--ngpu",
    **dict.fromkeys(("token_list", "token_type", "bpemodel"), "--tokens"),
    **dict.fromkeys(("train_data_path_and_name_and_type", "train_shape_file"), "--train"),
    **dict.fromkeys(("valid_data_path_and_name_and_type", "valid_shape_file"), "--dev"),
    **dict.fromkeys(("collect_stats", "resume"), "the stage"),
    "task_package": "task",
    "text_form": "--text_form",
    **dict.fromkeys(("local_rank", "multiprocessing_distributed"), "--ngpu and --num_nodes"),
    **dict.fromkeys(("dist_backend", "dist_init_method", "dist_launcher"), "--ngpu and --num_nodes"),
    **dict.fromkeys(("dist_world_size", "dist_rank"), "--ngpu and --num_nodes"),
    **dict.fromkeys(("dist_master_addr", "dist_master_port"), "--ngpu and --num_nodes"),
}
"""Options of ESPnet that a configuration would state in vain -> what states them."""


def run(settings: Mapping[str, Any], stem: Path, arguments: Mapping[str, Any], here: Rank) -> None:
    """Runs the task that ``settings`` name with ``arguments``; writes settings and messages to ``stem``.{yaml,log}.

    The exact command line is logged. The first of several ranks writes; of the others only errors are heard.
    """
    config, log = stem.with_suffix(".yaml"), stem.with_suffix(".log")
    task = task_name(settings, config)
    package = {"task_package": TASKS.package(task)} if task != ASR else {}
    words = command(config, here.arguments() | dict(arguments) | package)
    if here.first:
        write_text(config, yaml.safe_dump(dict(settings), allow_unicode=True))
    any_rank(False)  # the others wait for the file
    if not here.first:
        task_class(task).main(cmd=words)
        return
    line = shlex.join(["python", "-m", "fangyan.training.espnet_task", task, *words])
    print(f"{line}\n# messages: {log}", flush=True)
    with logging_to(log) as stream, redirect_stderr(stream):
        logging.info(line)
        task_class(task).main(cmd=words)


def command(config: Path, arguments: Mapping[str, Any]) -> list[str]:
    """The words of ESPnet's command line: a configuration, and what is said beyond it."""
    words = ["--config", str(config)]
    for key, value in arguments.items():
        for item in value if isinstance(value, list) else [value]:
            words += [f"--{key}", str(item).lower() if isinstance(item, bool) else str(item)]
    return words


class Log(logging.FileHandler):
    """A log that ends the work when its disk is full, as any other file does."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Raises what went wrong, with the name of the log."""
        with naming(Path(self.baseFilename)):
            raise


@contextmanager
def logging_to(log: Path) -> Iterator[TextIO]:
    """A file that everything logged goes to (appended: a resumed run tells the whole story)."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = Log(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"))
    logging.captureWarnings(True)
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield handler.stream
    finally:
        logging.captureWarnings(False)
        with naming(log):
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)


def check(settings: Mapping[str, Any], source: Path) -> None:
    """`DataError` for a key that nobody knows or heeds, a class that ESPnet lacks, a value that it does not take.

    ``source`` is the file that the user wrote the settings in.
    """
    with blame_settings({}, source):
        known, task = known_keys(settings), task_class(task_name(settings, "task"))
    configs.check_keys(settings, known, str(source))
    if vain := [f"{key} ({SAID_ELSEWHERE[key]} says it)" for key in settings if key in SAID_ELSEWHERE]:
        raise DataError(f"{source}: without effect in a configuration, leave it out: {', '.join(vain)}")
    check_values(settings, task.get_parser()._actions, str(source))


def known_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the task of ``settings`` understands with the classes that they choose, as `config.check_keys` wants it."""
    parser = task_class(task_name(settings, "task")).get_parser()
    known: dict[str, Any] = {action.dest: None for action in parser._actions}
    return known | {f"{name}_conf": parameters(chosen) for name, chosen in classes(settings).items()}


def classes(settings: Mapping[str, Any]) -> dict[str, type]:
    """The classes that ``settings`` choose, by ESPnet's name of their part: encoder, decoder, optim, ..."""
    task = task_class(task_name(settings, "task"))
    from espnet2.tasks.abs_task import optim_classes, scheduler_classes

    parser = task.get_parser()
    known = task.known_classes() | {"optim": optim_classes, "scheduler": scheduler_classes}
    chosen = {}
    for name, of_it in known.items():
        value = settings.get(name, parser.get_default(name))
        if value is None:
            continue
        if not isinstance(value, str) or value not in of_it:
            raise DataError(f"unknown {name} {value!r}: {known_names(str(value), sorted(of_it))}")
        chosen[name] = of_it[value]
    return chosen


@contextmanager
def blame_settings(settings: Mapping[str, Any], source: Path) -> Iterator[None]:
    """While it is open, what goes wrong is the fault of ``settings``: told in one sentence with their file and key."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{source}: {error}") from None
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and trouble(error):
            raise
        part, name = _guilty(error, classes(settings))
        place = f"{part}_conf ({name}): " if part else ""
        raise DataError(
            f"{source}: {place}ESPnet refuses this: {type(error).__name__}: {_why(error)}"
        ) from error


def _guilty(error: BaseException, parts: Mapping[str, type]) -> tuple[str, str]:
    """The part whose object the error comes from or whose class it names, and that class; empty where there is none."""
    owners = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__)]
    found = [part for owner in owners for part, of_it in parts.items() if isinstance(owner, of_it)]
    named = [part for part, of_it in parts.items() if f"{of_it.__name__}." in str(error)]
    part = next(reversed(found + named), "")
    return part, parts[part].__name__ if part else ""


def _why(error: BaseException) -> str:
    """What an error says in one line; of one of a worker process its last line, and of a bare one where it stands."""
    if isinstance(error, SystemExit):
        return "it ends without having trained"
    lines = str(error).strip().splitlines()
    said = lines[-1:] if "Traceback" in str(error) else lines
    return " ".join(" ".join(said or [extract_tb(error.__traceback__)[-1].line or ""]).split())[:400]


def sketch(config: Path, tokens: Sequence[str], device: str = "meta"):
    """The model of a configuration that writes ``tokens``: on torch's meta device, without memory for its weights.

    On another device the weights are random.
    """
    import torch

    settings = configs.compose(config)
    check(settings, config)
    task = task_class(task_name(settings, config))
    parser = task.get_parser()
    parser.set_defaults(**settings, token_list=list(tokens))
    arguments = vars(parser.parse_args([])) | {"normalize": None, "normalize_conf": {}, "init": None}
    with torch.device(device), blame_settings(settings, config):
        return task.build_model(Namespace(**arguments))


if __name__ == "__main__":  # as the log of a training quotes it
    task_class(sys.argv[1]).main(cmd=sys.argv[2:])
