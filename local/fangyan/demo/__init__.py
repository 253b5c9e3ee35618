"""A page to try an encoder: say a sentence in one variety, hear it in the others.

``library`` knows who says what and has it searched, ``trial`` what scores mean; ``view`` writes both as HTML, and
``answers`` puts them together for ``page``, which ``server`` serves; ``space`` writes the folder that shows it on the
Hugging Face Hub.
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fangyan.data import datadir
from fangyan.environment import install_extra
from fangyan.errors import UserError
from fangyan.features.at_layer import check_asked

TITLE = "Say it in one variety, hear it in the others"


def demo(spec: str, data: Path, layer: str = "", port: int = 0) -> None:
    """Serves the page on this machine until it is interrupted, and prints its address.

    ``spec``: an encoder; ``data``: the data directory that is searched; ``layer``: of the encoder, empty: its default;
    ``port``: 0 takes the first free one from 7860. `UserError` where gradio is missing or the port is taken.
    """
    gradio_version()
    check_asked(spec, layer)
    datadir.read(data, datadir.SPOKEN)
    print(f"loads {spec} and listens to {data} ...", file=sys.stderr)  # on stdout the address comes first
    from fangyan.demo.library import Library

    library = Library(spec, data, layer)
    from fangyan.demo.server import serve

    serve(library, port)


def gradio_version() -> str:
    """The version of Gradio here; `UserError` where it is missing."""
    try:
        return version("gradio")
    except PackageNotFoundError:
        raise UserError(f"the page needs gradio: {install_extra('demo')}") from None
