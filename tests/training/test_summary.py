import json

import pytest

from fangyan.data.sources import Origin
from fangyan.data.text import NormalForm
from fangyan.errors import DataError
from fangyan.training import summary


def test_what_a_training_wrote_is_read(tmp_path):
    assert summary.read(tmp_path) == {}
    row = {"corpus": "mdcc", "variety": "yue", "utterances": 3, "speakers": 1, "hours": 0.5}
    (tmp_path / "train.json").write_text(
        json.dumps({"text_form": "script=s2t", "data": {"train": {"origins": [row]}}})
    )
    found = summary.read(tmp_path)
    assert summary.form(found) == NormalForm(script="s2t")
    assert summary.origins(found) == [Origin(**row)]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", r":1: must be JSON, got "),
        ('{"seed": 1,\n', r":2: must be JSON, got "),
        ("[" * 100_000, ": must be JSON, got brackets"),
        ("[]", ":1: must be a JSON object, got a list"),
        ('{"target": "utt2ipa"}', ": target is one of text_cmn, text, got 'utt2ipa'"),
        ('{"target": null}', ": target is one of text_cmn, text, got None"),
        ('{"text_form": "latin=yes"}', ": a text form is NAME=VALUE words .* got 'latin=yes'"),
        ('{"text_form": 3}', ": text_form is text, got 3"),
        ('{"dev_set": 5}', ": dev_set is text, got 5"),
        ('{"seconds": "5"}', ": seconds is a number, got '5'"),
        ('{"data": []}', ": data: train: origins is a list"),
        ('{"data": {"train": {"origins": [{"corpus": "a"}]}}}', ": data: train: origins is a list"),
    ],
)
def test_what_no_training_wrote_is_refused_by_file(written, message, tmp_path):
    (tmp_path / "train.json").write_text(written)
    with pytest.raises(DataError, match=rf"train\.json{message}"):
        summary.read(tmp_path)
