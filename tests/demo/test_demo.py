from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from fangyan import demo
from fangyan.errors import UserError


def test_gradio_is_asked_for_where_it_is_missing(monkeypatch, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(demo, "version", missing)
    with pytest.raises(UserError, match=r"the page needs gradio: .*python\S* -m pip install -c .*\[demo\]"):
        demo.demo("fbank", tmp_path)


def test_what_takes_a_while_is_told_before_it_begins_and_how_it_ends_after(sung, monkeypatch, capsys):
    served = SimpleNamespace(local_url="http://here/", server_port=7860, block_thread=lambda: None)
    monkeypatch.setattr("fangyan.demo.server.start_page", lambda library, port: served)
    demo.demo("fbank", sung["test"])
    said = capsys.readouterr()
    assert said.err.splitlines()[0] == f"loads fbank and listens to {sung['test']} ..."
    address, last = said.out.splitlines()
    assert address.startswith("http://here/ ") and last == "Ctrl-C stops it"


def test_a_mistake_is_said_before_anything_is_served(sung):
    with pytest.raises(UserError, match="--layer norm: no layer 'norm' in fbank: known are fbank"):
        demo.demo("fbank", sung["test"], "norm")
