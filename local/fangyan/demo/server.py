"""The page on a port of this machine; nothing is asked of any other, neither here nor by the browser."""

import os
from collections.abc import MutableMapping
from socket import gethostname

import gradio as gr

from fangyan.demo import view
from fangyan.demo.library import Library
from fangyan.demo.page import page
from fangyan.errors import UserError

FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
"""Those of the visitor's machine."""

LACKING = {"common.complete": "complete", "common.progress": "progress"}
"""What Gradio says to screen readers and has no words for in its own table."""

QUIET = {
    "share": False,
    "ssr_mode": False,
    "pwa": False,
    "run_history": False,
    "enable_monitoring": False,
    "footer_links": [],
    "quiet": True,
}


def serve(library: Library, port: int) -> None:
    """Serves the page until it is interrupted, and prints its address."""
    blocks = start_page(library, port)
    port = blocks.server_port
    print(f"{blocks.local_url}  (elsewhere: ssh -L {port}:localhost:{port} {gethostname()})", flush=True)
    print("Ctrl-C stops it", flush=True)
    blocks.block_thread()


def start_page(library: Library, port: int = 0) -> gr.Blocks:
    """The page, served by a thread; of all files only the recordings of the library can be fetched.

    It listens to this machine alone, unless the environment's GRADIO_SERVER_NAME says otherwise, as on a Space.
    `UserError` where the port is taken.
    """
    ask_no_proxy(os.environ)
    blocks = page(library)
    try:
        blocks.launch(
            server_port=port or None,
            allowed_paths=[utterance.wav for utterance in library.utterances.values()],
            max_file_size="20mb",
            theme=gr.themes.Default(primary_hue="cyan", **FONTS),
            css_paths=view.TEMPLATES / "page.css",
            prevent_thread_lock=True,
            i18n=gr.I18n(en=LACKING),
            **QUIET,
        )
    except OSError:
        raise UserError(f"--port {port}: taken, or not allowed to you: name another") from None
    return blocks


def ask_no_proxy(environment: MutableMapping[str, str]) -> None:
    """Excepts this machine from the proxies that are set: Gradio asks itself if it is up."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY", "")
    environment["no_proxy"] = ",".join(
        dict.fromkeys([*filter(None, given.split(",")), "localhost", "127.0.0.1"])
    )
