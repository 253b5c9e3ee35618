"""ESPnet's ASR task, run in this process or only sketched: keys checked, messages in a log."""

import logging
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TextIO

import yaml

from fangyan import config as configs
from fangyan.asr.ranks import Place, any_rank
from fangyan.encoders.espnet_build import asr_task, parameters
from fangyan.errors import DataError
from fangyan.files import naming, write_text


def run(
    settings: Mapping[str, Any], source: Path, stem: Path, arguments: Mapping[str, Any], here: Place
) -> None:
    """ESPnet's ASR task has run with ``settings`` and ``arguments``; settings and messages are in ``stem``.{yaml,log}.

    ``source`` is the file that the user wrote the settings in, for error messages. The exact command line is logged.
    The first of several ranks writes; of the others only errors are heard.
    """
    config, log = stem.with_suffix(".yaml"), stem.with_suffix(".log")
    command = ["--config", str(config)]
    for key, value in (here.arguments() | dict(arguments)).items():
        for item in value if isinstance(value, list) else [value]:
            command += [f"--{key}", str(item).lower() if isinstance(item, bool) else str(item)]
    if here.first:
        configs.check_keys(settings, known_keys(settings), str(source))
        write_text(config, yaml.safe_dump(dict(settings), allow_unicode=True))
    any_rank(False)  # the others wait for the file
    if not here.first:
        training_task().main(cmd=command)
        return
    line = shlex.join(["python", "-m", training_task().__module__, *command])
    print(f"{line}\n# messages: {log}", flush=True)
    with logging_to(log) as stream, redirect_stderr(stream):
        logging.info(line)
        training_task().main(cmd=command)


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


def training_task() -> type:
    """The task that trains here: ESPnet's ASR task and what `fangyan.asr.trainer` adds."""
    asr_task()  # imported in silence
    from fangyan.asr.trainer import Task

    return Task


def known_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ESPnet's ASR task understands with the classes ``settings`` choose, as `config.check_keys` wants it."""
    task = training_task()
    from espnet2.tasks.abs_task import optim_classes, scheduler_classes

    parser = task.get_parser()
    known: dict[str, Any] = {action.dest: None for action in parser._actions}
    chosen = {choice.name: choice.classes for choice in task.class_choices_list}
    chosen |= {"optim": optim_classes, "scheduler": scheduler_classes}
    for name, classes in chosen.items():
        value = settings.get(name, parser.get_default(name))
        if value is not None and value not in classes:
            raise DataError(f"unknown {name} {value!r}: known are {', '.join(sorted(classes))}")
        if value is not None:
            known[f"{name}_conf"] = parameters(classes[value])
    return known


def sketch(config: Path, tokens: Sequence[str], device: str = "meta"):
    """The model of a configuration that writes ``tokens``: on torch's meta device, without memory for its weights.

    On another device the weights are random.
    """
    import torch

    settings = configs.compose(config)
    configs.check_keys(settings, known_keys(settings), str(config))
    task = training_task()
    parser = task.get_parser()
    parser.set_defaults(**settings, token_list=list(tokens))
    arguments = vars(parser.parse_args([])) | {"normalize": None, "normalize_conf": {}, "init": None}
    with torch.device(device):
        return task.build_model(Namespace(**arguments))
