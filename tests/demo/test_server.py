import socket
from urllib.parse import quote

import httpx
import pytest

from fangyan.demo.server import ask_no_proxy, start_page
from fangyan.errors import UserError


def test_recordings_are_served_and_nothing_else(blocks, library, sung):
    wav = library.utterances["yuetest-s00"].wav
    answer = httpx.get(f"{blocks.local_url}gradio_api/file={quote(wav)}")
    assert (answer.status_code, answer.content[:4]) == (200, b"RIFF")
    for other in (
        sung["test"] / "wav.scp",
        sung["train"].parent / "wav" / "yuetrain-s00.wav",
        "/etc/hostname",
    ):
        assert httpx.get(f"{blocks.local_url}gradio_api/file={quote(str(other))}").status_code == 403


def test_only_this_machine_is_listened_to(blocks):
    assert blocks.local_url.startswith("http://127.0.0.1:")
    assert not (blocks.share or blocks.share_url)


def test_a_port_that_is_taken_is_said_so(library):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: taken, or not allowed to you: name another"):
            start_page(library, port)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "localhost,127.0.0.1"),
        ({"NO_PROXY": "lab"}, "lab,localhost,127.0.0.1"),
        ({"NO_PROXY": "lab", "no_proxy": "b"}, "b,localhost,127.0.0.1"),
        ({"no_proxy": "lab,localhost,127.0.0.1"}, "lab,localhost,127.0.0.1"),
    ],
)
def test_this_machine_is_not_asked_through_a_proxy(given, expected):
    ask_no_proxy(given)
    assert given["no_proxy"] == expected


def test_a_page_is_there_where_proxies_are_set(library, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    blocks = start_page(library)
    try:
        assert httpx.get(blocks.local_url).status_code == 200
    finally:
        blocks.close()
