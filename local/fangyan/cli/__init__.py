"""The verbs of the command line, one for each Python stage, by what they work on; heavy libraries load inside them."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from fangyan.errors import UserError
from fangyan.files import versions
from fangyan.shards import Shard

SECTIONS = {
    "Data": "data mix subset survey",
    "Training": "params tokens teach stats train train_dual decode score",
    "Units": "kmeans phone_units units text_to_unit text_units unit_report",
    "Measuring": "dump measure retrieve intervals control synonymy explain report significance average",
    "Compare": "submission leaderboard",
    "Parallel speech": "segment mine",
    "Use a model": "encoders transcribe embed compare index join_indexes index_forms export_index search demo space "
    "pack publish export_llm",
    "Cluster and speed": "check submit status bench",
}  # the help of the command line: titles, and under each its verbs in the order of their use


class Sections(click.Group):
    """A group whose help lists its verbs under the titles of `SECTIONS`, a line each."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections, their columns under each other; a line has 2 spaces before and 2 between the columns."""
        width = max(map(len, self.commands))
        limit = formatter.width - width - 4
        for title, names in SECTIONS.items():
            with formatter.section(title):
                verbs = [(f"{name:{width}}", self.commands[name]) for name in names.split()]
                formatter.write_dl([(name, verb.get_short_help_str(limit)) for name, verb in verbs])


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from fangyan.environment import summary

        click.echo(summary())
        context.exit()


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show versions and commit.",
)
def cli() -> None:
    """Speech encoders in which the same meaning lands in the same place whichever Chinese variety is spoken."""


def option(name: str, text: str, kind: type = Path, **settings) -> Callable:
    """A required option (unless it has a default), its default shown."""
    needed = "default" not in settings
    of_type = click.Path(path_type=Path) if kind is Path else kind
    return click.option(
        f"--{name}", type=of_type, help=text, required=needed, show_default=not needed, **settings
    )


def configuration(name: str, text: str, **settings) -> Callable:
    """The option of a YAML file, which is one of the recipe or else of the repository, as for run.sh."""

    def find(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        from fangyan import config

        if value is None or isinstance(value, Path):
            return value and config.find(value)
        return tuple(map(config.find, value))

    return option(name, f"{text}, of this folder or of the repository", callback=find, **settings)


def sets(text: str = "data directory (may be repeated)") -> Callable:
    """The option of data directories whose results go to ``<set>``, the name of each; so no two have the same."""
    return option("data", text, multiple=True, callback=lambda context, parameter, value: _named(value))


def _named(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths, each once; ``.`` and ``..`` are no names, so such become absolute."""
    found: dict[str, Path] = {}
    for path in paths:
        whole = path if path.name not in ("", "..") else Path(os.path.abspath(path))
        other = found.setdefault(whole.name, whole)
        if os.path.abspath(other) != os.path.abspath(whole):
            raise UserError(
                f"--data {path}: what is made of a set goes to a folder of its name, so no two have the same, "
                f"got {other} as well: rename one, or choose another --out for it"
            )
    return tuple(found.values())


def choose_layer(verb: Callable) -> Callable:
    """The option of how a layer is chosen without a development set, handed over as ``folds``."""
    text = "folds: choose the layer on halves of the sentences, each for the other, where there is no development set"

    @option("choose_layer", text, click.Choice(["folds"]), default=None)
    @wraps(verb)
    def with_folds(choose_layer: str | None, **values) -> None:
        verb(folds=bool(choose_layer), **values)

    return with_folds


def shardable(verb: Callable) -> Callable:
    """The options of work that the tasks of a job array can share, handed over as ``part``."""

    @option("shard", "I/N: only the I-th of N shards of the work, for a job array", str, default="1/1")
    @option("merge", "N: only merge the shards 1/N to N/N, when all are done", click.IntRange(0), default=0)
    @wraps(verb)
    def with_part(shard: str, merge: int, **values) -> None:
        verb(part=Shard.parse(shard, merge), **values)

    return with_part


def on_terminal() -> bool:
    """Whether a reader sees what is printed; else a program or a file gets it."""
    return sys.stdout.isatty()


def report_built(built: bool, what: Path) -> None:
    """Tells whether work was done or found finished."""
    click.echo(f"{what}: {'written' if built else 'up to date'}")


@contextmanager
def report_changes(what: Path, files: Callable[[], Iterable[Path]]) -> Iterator[None]:
    """Tells in the end whether one of ``files`` was written meanwhile, or all were found finished."""

    def state() -> dict[Path, tuple]:
        found = sorted(files())
        return dict(zip(found, versions(found), strict=True))

    before = state()
    yield
    report_built(state() != before, what)


def print_warnings(lines: Iterable[str]) -> None:
    """Tells on stderr what a user should know of work that was done all the same."""
    for line in lines:
        click.echo(line, err=True)
