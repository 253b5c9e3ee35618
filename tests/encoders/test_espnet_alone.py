"""Models without their decoder are those of ESPnet's task, part by part, number by number."""

import numpy as np
import pytest
import torch
from espnet_models import TINY, settings

from fangyan.encoders import espnet_model, load_encoder
from fangyan.encoders.espnet_alone import CLASSES, Alone
from fangyan.encoders.espnet_build import build, task_class
from fangyan.encoders.espnet_files import read_settings
from fangyan.errors import DataError

MODELS = {name: settings(name, values) for name, (values, _) in TINY.items() if name in CLASSES["encoder"]}


def test_the_classes_are_those_of_the_task():
    known = task_class().known_classes()
    for part, names in CLASSES.items():
        for name in names:
            assert Alone({part: name}).known_classes()[part] == {name: known[part][name]}


@pytest.mark.parametrize("name", [*MODELS])
def test_the_model_of_a_seed_is_that_of_the_task(name):
    assert Alone.builds(MODELS[name])
    ours, theirs = (build(MODELS[name], "config.yaml", decoder) for decoder in (False, True))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(weight, theirs.state_dict()[key]) for key, weight in ours.state_dict().items())
    assert ours.token_list == theirs.token_list


@pytest.mark.parametrize(
    "other",
    [
        {"encoder": "rnn"}, {"encoder": ["rnn"]}, {"frontend": "s3prl"}, {"frontend": None}, {"normalize": "batch"},
        {"preencoder": "linear"}, {"postencoder": "length_adaptor"}, {"input_size": 80}, {"model": "maskctc"},
        {"decoder": "transducer"}, {"decoder": "fork"}, {"model_conf": {"ctc_weight": 0}}, {"model_conf": 3},
        {"task": "read_aloud"}, {"pooling": "mean"}, {"token_list": "tokens.txt"},
    ],
)  # fmt: skip
def test_other_models_are_left_to_the_task(other):
    assert not Alone.builds(MODELS["e_branchformer"] | other)


def test_an_experiment_is_heard_without_its_decoder_as_with_it(job, monkeypatch):
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    alone = load_encoder(f"espnet:{job.exp}", "cpu")
    assert read_settings(job.exp)["decoder"] == "transformer" and alone.model.decoder is None
    monkeypatch.setattr(Alone, "builds", lambda settings: False)
    whole = load_encoder(f"espnet:{job.exp}", "cpu")
    assert whole.model.decoder is not None and whole.layers == alone.layers
    assert all(np.array_equal(alone(wave)[layer], frames) for layer, frames in whole(wave).items())
    last = torch.from_numpy(alone(wave)["norm"])[None]
    assert torch.equal(*(encoder.model.ctc.log_softmax(last) for encoder in (alone, whole)))


@pytest.mark.parametrize("key", ["encoder.after_norm.bias", "ctc.ctc_lo.bias", "normalize.mean"])
def test_a_checkpoint_that_lacks_what_is_heard_by_is_refused(job, monkeypatch, key):
    weights = espnet_model.read_weights

    def lacking(path):
        return {name: value for name, value in weights(path).items() if name != key}

    monkeypatch.setattr(espnet_model, "read_weights", lacking)
    with pytest.raises(DataError, match=f"its keys do not match the model of its configuration.*{key}"):
        load_encoder(f"espnet:{job.exp}", "cpu")
