"""The command line: `fangyan.cli` behind one entry, and how a mistake of the user ends."""

import atexit
import gc
import logging
import sys

import click

from fangyan.cli import cli, cluster, data, demo, measuring, mining, results, training, units, use  # noqa: F401  (they add verbs)
from fangyan.errors import UserError, trouble
from fangyan.experiments import note_failure


def main() -> None:
    """Runs the command line; what a user can mend is one line on stderr and exit code 2, a stop on request 75."""
    gc.set_threshold(10_000)  # the libraries make 800,000 objects that stay to the end,
    atexit.register(gc.freeze)  # and looking for garbage among them takes as long as loading them
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(message)s")
    try:
        cli(prog_name="fangyan")
    except UserError as error:
        _leave(error)
    except OSError as error:
        if not (told := trouble(error)):
            note_failure(f"{type(error).__name__}: {error}")
            raise
        _leave(told)
    except Exception as error:
        note_failure(f"{type(error).__name__}: {error}")
        raise


def _leave(error: UserError) -> None:
    click.echo(f"fangyan: {error}", err=True)
    note_failure(f"{error}")
    sys.exit(error.code)


if __name__ == "__main__":
    main()
