"""Every configuration of the recipes, shrunk in width, depth and number of steps alone, all the way through."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from pretrained import write_texts, write_units
from repository import presets

from fangyan.config import compose
from fangyan.data import datadir
from fangyan.encoders.choice import JOINT
from fangyan.features.dump import dump, layers, read_features
from fangyan.files import ROOT, read_table
from fangyan.training import collect_stats, train
from fangyan.training.inputs import measured
from fangyan.training.teacher import teach

PRESETS = presets("conf/train/**/*.yaml", "egs2/*/*/conf/train/**/*.yaml")
SMALL = {
    "output_size": 16,
    "num_blocks": 3,
    "attention_heads": 2,
    "linear_units": 16,
    "cgmlp_linear_units": 16,
}
"""Widths and depths of encoders and decoders; whatever else a preset says is as it is."""


def shrunk(preset, folder, teacher):
    """A file that includes a preset, with small sizes in place of those that it states, and one step to train.

    A preset with a teacher learns from the one in the folder ``teacher``, of 32 numbers; one of the task pretrain from
    two texts besides, and from a column of units of its rate.
    """
    settings = compose(preset)
    overlay = {"include": str(preset), "max_epoch": 1, "num_iters_per_epoch": 1}
    for part in ("encoder_conf", "decoder_conf"):
        if part in settings:
            overlay[part] = {key: value for key, value in SMALL.items() if key in settings[part]}
    if "teacher" in settings:
        overlay |= {"teacher": f"text:{teacher}", "model_conf": {"teacher_size": 32}}
    if settings.get("task") == "pretrain":
        column = f"units{settings['model_conf']['label_rate']}"
        texts = f"{write_texts(folder / 'texts', ['我吃饭', '你看书'], column=column)}"
        overlay |= {"model_conf": {"speech_layers": 1}, "units_column": column}
        overlay |= {"text_data": [texts], "text_dev": [texts]}
    path = folder / preset.name
    path.write_text(yaml.safe_dump(overlay))
    return path


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: str(path.relative_to(ROOT).with_suffix("")))
def test_a_preset_has_statistics_trains_a_step_and_gives_features(preset, few, tiny_sentence, tmp_path):
    job = replace(few, config=shrunk(preset, tmp_path, tiny_sentence), exp=tmp_path / "exp" / "a")
    assert compose(job.config)["num_workers"] == compose(preset)["num_workers"]
    if compose(job.config).get("teacher"):
        for data in job.sets().values():
            teach(job.config, data)
    if job.task == "pretrain":
        settings = compose(job.config)
        for data in job.sets().values():
            write_units(data, settings["model_conf"]["label_rate"], settings["units_column"])
    collect_stats(job)
    ids = list(datadir.read_map(job.train / "wav.scp"))
    for one in measured(job):
        assert list(datadir.read_map(job.stats / "train" / f"{one.name}_shape")) == ids
    train(job)
    assert [row["epoch"] for row in read_table(job.exp / "history.tsv")] == ["1"]
    home = dump(f"espnet:{job.exp}", [job.dev], tmp_path / "feats")[0]
    for layer in layers(home):
        features = read_features(home, layer)
        assert features.keys() == set(datadir.read_map(job.dev / "wav.scp"))
        size = 32 if layer == JOINT else 16
        assert all(frames.shape[1] == size and np.isfinite(frames).all() for frames in features.values())
