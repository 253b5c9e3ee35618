"""The mixin of training tasks over any task of ESPnet."""

from argparse import Namespace

import pytest

from fangyan.encoders.espnet_build import task_class
from fangyan.training.inputs import SPEECH, Input


@pytest.fixture(scope="module")
def trained():
    task_class()
    from fangyan.training import task

    return task


@pytest.fixture(scope="module", params=["asr.ASRTask", "ssl.SSLTask", "hubert.HubertTask"])
def task(request, trained):
    """A task over one of ESPnet's, with a further encoder and a further input."""
    from importlib import import_module

    module, name = request.param.split(".")
    below = getattr(import_module(f"espnet2.tasks.{module}"), name)

    class Task(trained.Trained, below):
        inputs = (SPEECH, Input("teacher", "teacher.scp", "kaldi_ark"))
        classes = {"encoder": {"mine": object}}  # noqa: RUF012

    return Task


def test_it_is_trained_as_the_others_are(task, trained):
    from fangyan.training.trainer import Trainer

    parser = task.get_parser()
    assert task.trainer is Trainer
    assert [parser.get_default(key) for key in ("freeze_layers", "layer_decay", "task")] == [0, 1.0, "asr"]


def test_a_configuration_may_choose_its_classes(task):
    parser = task.get_parser()
    assert parser.parse_args(["--encoder", "mine"]).encoder == "mine"
    assert task.known_classes()["encoder"]["mine"] is object
    assert (
        "mine" not in next(choice for choice in task.class_choices_list if choice.name == "encoder").classes
    )


def test_classes_add_to_those_of_the_task_it_is_made_from(task):
    class Further(task):
        classes = {"encoder": {"yours": int}, "frontend": {"ear": float}}  # noqa: RUF012

    known = Further.known_classes()
    assert {"mine", "yours"} <= known["encoder"].keys() and known["frontend"]["ear"] is float
    assert "yours" not in task.known_classes()["encoder"]


def test_espnet_takes_its_further_inputs_beside_what_it_requires(task):
    assert "teacher" in task.optional_data_names()
    assert "speech" in task.required_data_names()
    assert task.optional_data_names().count("speech") == 0


def test_a_layer_that_is_not_there_cannot_be_frozen(trained):
    import torch

    from fangyan.errors import DataError

    model = torch.nn.Module()
    model.encoder = torch.nn.Module()
    model.encoder.embed, model.encoder.encoders = (
        torch.nn.Linear(1, 1),
        torch.nn.ModuleList([torch.nn.Linear(1, 1)]),
    )
    data = {f"{role}_data_path_and_name_and_type": [] for role in ("train", "valid")}
    trained.prepare(model, Namespace(freeze_layers=1, **data))
    assert not any(weight.requires_grad for weight in model.parameters())
    with pytest.raises(DataError, match="the encoder has 1 blocks, got 2"):
        trained.prepare(model, Namespace(freeze_layers=2, **data))
