"""Audio towers of speech LLMs and encoders of recognisers: every type, in both of its forms, by a fresh process."""

import json
import os
import subprocess
import sys

import pytest
from tower_models import TOWERS

from fangyan.files import ROOT

HERE = ROOT / "tests"
TOLD = ("granite", "granite-plus", "gemma-3n", "speecht5", "seamless", "seamless-v2")
"""Of these transformers itself tells no hidden states of every block, or of an encoder with its adapter only."""


@pytest.fixture(scope="session")
def examined(tmp_path_factory):
    """Name of a tiny model -> what `tower_process` found of it."""
    home, names = tmp_path_factory.mktemp("towers"), [*TOWERS]
    path = os.pathsep.join([str(ROOT / "local"), str(HERE)])
    settings = os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", HERE / "tower_process.py", home]
    lanes = [
        subprocess.Popen([*command, *names[n::2]], env=settings, stdout=subprocess.PIPE, text=True)
        for n in range(2)
    ]
    lines = [line for lane in lanes for line in lane.communicate()[0].splitlines() if line.startswith("{")]
    return {found["name"]: found for found in map(json.loads, lines)}


@pytest.mark.parametrize("form", ["whole", "alone"])
@pytest.mark.parametrize("name", TOWERS)
def test_an_encoder_is_loaded_of_a_whole_model_and_alone_as_the_first_of_its_process(name, form, examined):
    assert "trouble" not in examined[name], examined[name]["trouble"]
    found, expected = examined[name][form], TOWERS[name]
    assert found["layers"] == ["layer00", "layer01", "layer02", *(["norm"] if expected.norm else [])]
    assert found["rate"] == pytest.approx(expected.rate)
    assert found["rates"][-1] == pytest.approx(expected.rate, abs=1.5)
    assert found["flat"] > 0 and found["meta"] == []
    assert found["leak"] < 1e-5
    assert found["recommended"] == ("layer01" if name == "fun-asr" else "")


@pytest.mark.parametrize("name", TOWERS)
def test_layers_are_the_hidden_states_that_transformers_tells(name, examined):
    """Of what is like Whisper, at 30 s; -1 is where it tells none."""
    for form in ("whole", "alone"):
        difference = examined[name][form]["difference"]
        assert difference < 1e-4
        assert name in TOLD or difference >= 0
