"""`fangyan.search.records`: which encoder an index takes."""

from dataclasses import replace

import pytest

from fangyan.errors import UserError
from fangyan.search import records as module


def test_another_encoder_is_refused(settings, monkeypatch):
    monkeypatch.setattr(module, "identity", lambda spec: {"content": spec})
    known = replace(settings, spec="here", identity={"content": "there"})
    with pytest.raises(UserError, match="here: not the encoder of this index, which is here as it was"):
        known.check("")
    with pytest.raises(UserError, match=r"other: not the encoder .* name that one with --encoder SPEC"):
        known.check("other")
    known.check("there")
