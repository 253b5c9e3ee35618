"""What tests of the dual encoder share: a corpus in which a unit stands for a character, and a model of such units."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.dual.run import DualRun
from fangyan.encoders.unit_model import UnitModel

CHARACTERS = "我你他吃喝看饭水书茶"
VARIETIES = {"cmn": "", "yue": "喇"}
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL = {
    "llm": "random",
    "llm_conf": {"model_type": "llama", **SIZES},
    "batch_size": 8,
    "epochs": 2,
    "learning_rate": 0.005,
}


def spell(folder: Path, name: str, numbers: range) -> Path:
    """A data directory of sentences of four characters, with the units of each: two for a character, by variety."""
    utterances, units = [], []
    for n, (variety, ending) in enumerate(VARIETIES.items()):
        for s in numbers:
            places = np.random.default_rng(s).integers(0, len(CHARACTERS), 4)
            text, key = "".join(CHARACTERS[place] for place in places), f"{variety}{name}-s{s:02d}"
            row = Utterance(
                key, "a.wav", text + ending, f"{variety}{name}", variety, f"s{s:02d}", 1.0, text_cmn=text
            )
            utterances.append(row)
            units.append(f"{key} {' '.join(str(2 * place + n) for place in places)}\n")
    datadir.write(folder / name, utterances)
    (folder / name / "units").write_text("".join(units))
    return folder / name


@pytest.fixture(scope="session")
def spelt(tmp_path_factory) -> Path:
    """A folder with the data directories train and dev, and units, the model of their 20 units."""
    folder = tmp_path_factory.mktemp("spelt")
    spell(folder, "train", range(24))
    spell(folder, "dev", range(24, 32))
    (folder / "units").mkdir()
    centroids = np.random.default_rng(0).normal(size=(20, 13)).astype(np.float32)
    UnitModel("mfcc", "mfcc", centroids).save(folder / "units")
    return folder


@pytest.fixture
def configure(tmp_path) -> Callable[..., Path]:
    """What writes the small configuration with other values of some keys."""

    def write(**values) -> Path:
        path = tmp_path / "dual.yaml"
        path.write_text(yaml.safe_dump({**SMALL, **values}, allow_unicode=True))
        return path

    return write


@pytest.fixture
def job(spelt, configure, tmp_path) -> Callable[..., DualRun]:
    """What makes a run of the small configuration with other values of some keys."""

    def make(exp: str = "exp", seed: int = 1, **values) -> DualRun:
        config = configure(**values)
        return DualRun(config, spelt / "train", spelt / "dev", spelt / "units", seed, tmp_path / exp)

    return make


@pytest.fixture(scope="session")
def trained(spelt, tmp_path_factory) -> DualRun:
    """A run on all kinds of pairs that was trained without a stop."""
    from fangyan.dual.train import train

    folder = tmp_path_factory.mktemp("trained")
    pairs = {"speech_text": 1.0, "speech_speech": 0.5, "text_text": 0.5}
    values = SMALL | {"epochs": 3, "pairs": pairs, "drop_variety": 0.3, "drop_units": 0.1}
    (folder / "dual.yaml").write_text(yaml.safe_dump(values, allow_unicode=True))
    job = DualRun(folder / "dual.yaml", spelt / "train", spelt / "dev", spelt / "units", 1, folder / "exp")
    train(job)
    return job
