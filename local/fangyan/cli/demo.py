"""Verbs that show an encoder to people: a page on this machine, and the same page as a Space."""

from pathlib import Path

import click

from fangyan.cli import cli, option, report_built
from fangyan.cli.use import SPEC, layer


@cli.command()
@option("encoder", f"SPEC: {SPEC}", str)
@option("data", "data directory that is searched, and that examples are from")
@layer
@option("port", "port of this machine (0: the first free one from 7860)", click.IntRange(0, 65535), default=0)
def demo(encoder: str, data: Path, layer: str, port: int) -> None:
    """A page in the browser: speak one variety, hear the others.

    \b
    Example: fangyan demo --encoder espnet:exp/a --data data/test
    """
    from fangyan import demo

    demo.demo(encoder, data, layer, port)


@cli.command()
@option("encoder", f"SPEC: {SPEC}", str)
@option("data", "data directory that is searched; its recordings become part of the Space")
@layer
@option("i_have_permission", "who allowed to hand on what a licence forbids to", str, default="")
@option("out", "the folder, to be pushed by: hf upload USER/NAME FOLDER --repo-type space")
def space(encoder: str, data: Path, layer: str, i_have_permission: str, out: Path) -> None:
    """The page of `demo` as a folder for a Hugging Face Space.

    \b
    Example: fangyan space --encoder espnet:exp/a --data data/test --out space
    """
    from fangyan.demo.space import space

    report_built(space(encoder, data, out, layer, i_have_permission), out)
