from importlib.metadata import PackageNotFoundError

import pytest

from fangyan import demo
from fangyan.errors import UserError


def test_gradio_is_asked_for_where_it_is_missing(monkeypatch, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(demo, "version", missing)
    with pytest.raises(UserError, match=r"the page needs gradio: .*python\S* -m pip install -c .*\[demo\]"):
        demo.demo("fbank", tmp_path)


def test_a_mistake_is_said_before_anything_is_served(sung):
    with pytest.raises(UserError, match="--layer norm: no layer 'norm' in this encoder: known are fbank"):
        demo.demo("fbank", sung["test"], "norm")
