"""ESPnet's ASR task, run in this process: keys checked, messages in a log, checkpoints whole."""

import logging
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, TextIO

import yaml

from fangyan import config as configs
from fangyan.encoders.espnet import asr_task
from fangyan.errors import DataError
from fangyan.files import write_table, write_text

HISTORY = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "valid_cer_ctc", "seconds")


def run(settings: Mapping[str, Any], source: Path, stem: Path, arguments: Mapping[str, Any]) -> None:
    """ESPnet's ASR task has run with ``settings`` and ``arguments``; settings and messages are in ``stem``.{yaml,log}.

    ``source`` is the file that the user wrote the settings in, for error messages. The exact command line is logged.
    """
    import torch

    configs.check_keys(settings, known_keys(settings), str(source))
    config, log = stem.with_suffix(".yaml"), stem.with_suffix(".log")
    write_text(config, yaml.safe_dump(dict(settings), allow_unicode=True))
    command = ["--config", str(config), "--ngpu", str(int(torch.cuda.is_available()))]
    for key, value in arguments.items():
        for item in value if isinstance(value, list) else [value]:
            command += [f"--{key}", str(item).lower() if isinstance(item, bool) else str(item)]
    line = shlex.join(["python", "-m", "espnet2.bin.asr_train", *command])
    print(f"{line}\n# messages: {log}", flush=True)
    with logging_to(log) as stream, redirect_stderr(stream), whole_checkpoints(stem.parent, settings):
        logging.info(line)
        _task(asr_task()).main(cmd=command)


def _task(base: type) -> type:
    """ESPnet's ASR task with a trainer that mends what a kill between two writes of an epoch's end left out."""

    class Trainer(base.trainer):
        @classmethod
        def resume(cls, checkpoint, model, reporter, **others):
            super().resume(checkpoint=checkpoint, model=model, reporter=reporter, **others)
            import torch

            epoch = reporter.get_epoch()
            missing = checkpoint.parent / f"{epoch}epoch.pth"
            if not missing.exists():
                torch.save(model.state_dict(), missing)

    return type("Task", (base,), {"trainer": Trainer})


@contextmanager
def logging_to(log: Path) -> Iterator[TextIO]:
    """A file that everything logged goes to (appended: a resumed run tells the whole story)."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"))
    logging.captureWarnings(True)
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield handler.stream
    finally:
        logging.captureWarnings(False)
        handler.close()
        root.handlers[:] = before
        root.setLevel(level)


@contextmanager
def whole_checkpoints(exp: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """While it is open, torch.save is atomic, and each epoch's checkpoint also tells its progress.

    ESPnet writes checkpoints in place: a kill while it does so would leave a broken one.
    """
    import torch

    save = torch.save

    def whole(value, path, *args, **kwargs):
        temporary = Path(path).with_suffix(".partial")
        save(value, temporary, *args, **kwargs)
        if Path(path).name == "checkpoint.pth":
            _tell(exp, value["reporter"]["stats"], settings["max_epoch"])
        temporary.replace(path)

    torch.save = whole
    try:
        yield
    finally:
        torch.save = save


def _tell(exp: Path, stats: Mapping[int, Mapping], max_epoch: int) -> None:
    """Writes history.tsv and prints one line about the last epoch."""
    rows = [_epoch_row(epoch, by_role) for epoch, by_role in sorted(stats.items())]
    write_table(exp / "history.tsv", rows, HISTORY)
    row = rows[-1]
    left = (max_epoch - row["epoch"]) * sum(r["seconds"] for r in rows) / len(rows) / 60
    numbers = "  ".join(f"{name} {row[name]:.3f}" for name in HISTORY[1:-1] if row[name] != "")
    print(
        f"epoch {row['epoch']}/{max_epoch}  {numbers}  {row['seconds']:.0f} s  {left:.1f} min left",
        flush=True,
    )


def _epoch_row(epoch: int, by_role: Mapping[str, Mapping]) -> dict[str, Any]:
    def value(role: str, name: str) -> float | str:
        return by_role.get(role, {}).get(name, "")

    def seconds(role: str) -> float:
        return float(by_role.get(role, {}).get("time", {}).get("__timedelta_seconds__", 0.0))

    row = {
        f"{role}_{name}": value(role, name)
        for role in ("train", "valid")
        for name in ("loss", "acc", "cer_ctc")
    }
    return {"epoch": epoch, "seconds": seconds("train") + seconds("valid")} | row


def known_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ESPnet's ASR task understands with the classes ``settings`` choose, as `config.check_keys` wants it."""
    task = asr_task()
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


def parameters(function: type) -> dict[str, None] | None:
    """The keyword names a class takes, or None where it takes any."""
    taken = signature(function).parameters.values()
    if any(p.kind is Parameter.VAR_KEYWORD for p in taken):
        return None
    return {p.name: None for p in taken}
