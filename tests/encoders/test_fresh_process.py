"""What the first import of a fresh process does, which a process of tests hides: every encoder is the first of one."""

import os
import subprocess
import sys

import espnet_models
import firered_models
import pytest

from fangyan.data import audio
from fangyan.files import ROOT

FORKED = """
import os, sys, traceback
import torch
from transformers import AutoModel  # what every process imports before it knows the type of a model
from fangyan.__main__ import main

def made_on_meta():
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if isinstance(value, torch.Tensor) and value.device.type == "meta":
                yield f"{module.__name__}.{name}"

def run(spec, recordings):
    sys.argv = ["fangyan", "compare", *recordings, "--encoder", spec]
    if spec.startswith("text:"):
        data = os.path.dirname(recordings[0])
        sys.argv = f"fangyan dump --encoder {spec} --data {data} --column text --out {data}/feats".split()
    try:
        main()
    except SystemExit as end:
        return end.code or " ".join(made_on_meta())

groups, recordings = sys.argv[1:-2], sys.argv[-2:]
for n, group in enumerate(groups):
    if n == 1:
        import fangyan.features.embedding, transformers.modeling_utils  # common to all: once was enough
    if os.fork() == 0:
        for spec in group.split(","):
            try:
                trouble = run(spec, recordings)
            except BaseException:
                trouble = traceback.format_exc()
            print(f"{spec}: {trouble or 'well'}", flush=True)
        os._exit(0)
    os.wait()
"""
"""Prints a line for each encoder; a group is what a process loads first. Importing torch once saves time."""


SETTINGS = os.environ | {"PYTHONPATH": str(ROOT / "local"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def recordings(noise, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for name, wave in zip("ab", noise(16_000, 12_345), strict=True):
        audio.write(folder / f"{name}.wav", wave)
    for name, value in (("text", "我吃饭"), ("utt2sent", "s"), ("utt2lang", "yue")):
        (folder / name).write_text(f"a {value}\n")
    return folder / "a.wav", folder / "b.wav"


def test_every_encoder_works_as_the_first_of_its_process(tiny, all_tiny, tiny_sentence, recordings, tmp_path):
    described = espnet_models.settings("conformer", espnet_models.TINY["conformer"][0])
    espnet = espnet_models.experiment(described, tmp_path / "exp")
    models = [f"hf:{tiny(name)}" for name in all_tiny if name != "text"]
    groups = [*models, f"espnet:{espnet},random:{espnet}", "fbank", "mfcc"]
    groups += [f"text:{tiny_sentence}", f"firered:{firered_models.build(tmp_path / 'firered')}"]
    for kind in espnet_models.KINDS:
        espnet_models.build_kind(kind, tmp_path / kind)
        groups.append(f"espnet:{espnet_models.pack_kind(kind, tmp_path / kind)}")
    command = [sys.executable, "-W", "ignore", "-c", FORKED, *groups, *map(str, recordings)]
    run = subprocess.run(command, env=SETTINGS, capture_output=True, text=True, check=True)
    specs = ",".join(groups).split(",")
    found = [line for line in run.stdout.splitlines() if line.startswith(tuple(f"{spec}:" for spec in specs))]
    assert found == [f"{spec}: well" for spec in specs], run.stdout + run.stderr


SKETCHED = """
import sys
from pathlib import Path
import torch
from fangyan.training.espnet_task import sketch

sketch(Path(sys.argv[1]), ["<blank>", "<unk>", "a", "<sos/eos>"])
held = [value for module in list(sys.modules.values()) for value in list(getattr(module, "__dict__", {}).values())]
print(sum(isinstance(value, torch.Tensor) and value.device.type == "meta" for value in held), "constants on meta")

from transformers.utils import logging

logging.get_logger("transformers").error("mind this")
"""


def test_espnet_is_imported_in_silence_and_built_on_meta_without_harm_to_other_libraries():
    preset = ROOT / "conf/train/whisper_large_v3_lora.yaml"  # peft is imported while it is built
    command = [sys.executable, "-W", "ignore", "-c", SKETCHED, str(preset)]
    quiet = {
        key: value for key, value in SETTINGS.items() if key != "CI"
    }  # where transformers says all twice
    run = subprocess.run(command, env=quiet, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0 constants on meta"
    assert run.stderr.strip().endswith("mind this") and len(run.stderr.splitlines()) == 1
