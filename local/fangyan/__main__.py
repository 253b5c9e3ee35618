"""The command line: `fangyan.verbs` behind one entry, and how a mistake of the user ends."""

import logging
import sys

import click

from fangyan.errors import UserError
from fangyan.verbs import alignment, cli, data, recognition, results  # noqa: F401  (importing them adds their verbs)


def main() -> None:
    """Runs the command line; what a user can mend is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(message)s")
    try:
        cli(prog_name="fangyan")
    except UserError as error:
        click.echo(f"fangyan: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
