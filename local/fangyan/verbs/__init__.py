"""The verbs of the command line, one for each Python stage, by what they work on; heavy libraries load inside them."""

from collections.abc import Callable
from pathlib import Path

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Speech encoders in which the same meaning lands in the same place whichever Chinese variety is spoken."""


def option(name: str, text: str, kind: type = Path, **settings) -> Callable:
    """A required option (unless it has a default), its default shown."""
    needed = "default" not in settings
    of_type = click.Path(path_type=Path) if kind is Path else kind
    return click.option(
        f"--{name}", type=of_type, help=text, required=needed, show_default=not needed, **settings
    )


def say(built: bool, what: Path) -> None:
    """Tells whether work was done or found finished."""
    click.echo(f"{what}: {'written' if built else 'up to date'}")
