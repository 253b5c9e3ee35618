"""Audio towers of speech LLMs and encoders of recognisers: every type, in both of its forms, by a fresh process."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from tower_models import TOWERS, shrunken

from fangyan.data import audio
from fangyan.encoders import load_encoder
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT

HERE = ROOT / "tests"
UNTOLD = ("gemma-3n",)
"""Of these transformers itself tells no hidden states."""


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
    assert examined[name]["early"] == []
    found, expected = examined[name][form], TOWERS[name]
    assert found["layers"] == ["layer00", "layer01", "layer02", *(["norm"] if expected.norm else [])]
    assert found["rate"] == pytest.approx(expected.rate)
    assert found["rates"][-1] == pytest.approx(expected.rate, abs=1.5)
    assert found["flat"] > 0 and examined[name]["meta"] == []
    assert found["leak"] < 1e-5
    assert found["recommended"] == ("layer01" if name == "fun-asr" else "")


@pytest.mark.parametrize("name", TOWERS)
def test_long_speech_is_encoded_to_its_end_or_refused(name, examined):
    found = examined[name]["long"]
    if isinstance(found, str):
        assert re.search(r"to 480\d+ samples \(30(\.01)? s\) at once, got 656000", found)
        assert TOWERS[name].extractor == "WhisperFeatureExtractor" or name in ("moss", "cohere")
    else:
        assert found == pytest.approx(TOWERS[name].rate, abs=0.1)


@pytest.mark.parametrize("name", TOWERS)
def test_layers_are_the_hidden_states_that_transformers_tells(name, examined):
    """Of what is like Whisper, at 30 s."""
    for form in ("whole", "alone"):
        difference = examined[name][form]["difference"]
        assert difference == -1 if name in UNTOLD else 0 <= difference < 1e-5


def test_an_extractor_that_needs_kaldi_works_in_a_process_that_has_imported_nothing(tiny, noise, tmp_path):
    audio.write(tmp_path / "a.wav", noise(16_000)[0])
    command = [sys.executable, "-m", "fangyan", "embed", tmp_path / "a.wav", "--out", tmp_path / "o.npz"]
    settings = os.environ | {"PYTHONPATH": str(ROOT / "local"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command += ["--encoder", f"hf:{tiny('speech2text')}"]
    run = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert np.isfinite(next(iter(np.load(tmp_path / "o.npz").values()))).all()


HEARING = (
    "audio",
    "speech",
    "asr",
    "thinker",
    "acoustic",
    "codec",
    "clap",
    "hubert",
    "wav2vec",
    "moshi",
    "musicgen",
)


def types_with_sound() -> list[str]:
    """The types of models of transformers that have a feature extractor, or whose name or parts are of sound."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES
    from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES

    def sounds(name: str) -> bool:
        words = [name, *getattr(CONFIG_MAPPING[name], "sub_configs", {})]
        return name in FEATURE_EXTRACTOR_MAPPING_NAMES or any(w in word for w in HEARING for word in words)

    absent = ("nemotron3_5_transcribe", "inkling_mm_model", "inkling")  # named by transformers, not all there
    return [name for name in CONFIG_MAPPING_NAMES if name not in absent and sounds(name)]


def test_what_cannot_be_loaded_ends_in_a_sentence_whatever_type_it_is_of(tmp_path):
    from safetensors.torch import save_file
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    save_file({"foreign": torch.ones(1)}, tmp_path / "model.safetensors", {"format": "pt"})
    ended = {}
    for name in types_with_sound():
        try:
            shrunken(CONFIG_MAPPING[name]).save_pretrained(tmp_path)
        except Exception:  # sizes that do not go together: not what is tried here
            continue
        settings = json.loads((tmp_path / "config.json").read_text()) | {"model_type": name}
        (tmp_path / "config.json").write_text(json.dumps(settings))
        with pytest.raises((UserError, DataError)) as refused:
            load_encoder(f"hf:{tmp_path}", "cpu")
        ended[name] = str(refused.value).removeprefix(f"{tmp_path}: ")
    assert len(ended) > 80
    said = (
        "no speech encoder, but a model of type",
        "no model of the installed",
        "the checkpoint is not one of",
    )
    assert not {name: message for name, message in ended.items() if not message.startswith(said)}
    assert not [message for message in ended.values() if "StopIteration" in message or len(message) > 900]
