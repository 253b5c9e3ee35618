"""What is wrong with a command line is told before a model is loaded, by every verb that takes one."""

import json
import os
import subprocess
import sys

import pytest

from fangyan.__main__ import cli
from fangyan.files import ROOT

CODE = """
import json, sys
from fangyan.__main__ import main

class NoTorch:
    def find_spec(name, path=None, target=None):
        if name == "torch":
            sys.exit("torch")

sys.meta_path.insert(0, NoTorch)
found = {}
for name, words in json.loads(sys.argv[1]).items():
    sys.argv = ["fangyan", *words]
    try:
        found[name] = main()
    except SystemExit as end:
        found[name] = end.code
print(json.dumps(found))
"""
"""Runs command lines in one process; prints for each its exit code, or torch where that was to be loaded."""


@pytest.fixture(scope="module")
def lines(sung, job, tmp_path_factory) -> dict[str, list[str]]:
    """Command lines by what is wrong in them: paths or layers that are not there, an --out below a file, no form."""
    home = tmp_path_factory.mktemp("lines")
    (home / "file").write_text("in the way")
    gone, blocked, data = f"{home}/gone", f"{home}/file/out", f"{sung['test']}"
    wav, spec = f"{sung['test'].parent}/wav/cmntest-s00.wav", ["--encoder", "fbank"]
    decode = ["--config", f"{ROOT}/conf/decode.yaml", "--exp"]
    pair = ["--query", "cmntest-s00", "--target", "yuetest-s00"]
    right = {
        "embed": [wav, *spec, "--out", f"{home}/x.npz"],
        "compare": [wav, wav, *spec],
        "index": [wav, *spec, "--index", f"{home}/index"],
        "search": [wav, "--index", gone],
        "dump": [*spec, "--data", data, "--out", f"{home}/feats"],
        "explain": [*spec, "--data", data, *pair, "--out", f"{home}/explained"],
        "synonymy": [*spec, "--out", f"{home}/words"],
        "demo": [*spec, "--data", data],
        "space": [*spec, "--data", data, "--out", f"{home}/space", "--i_have_permission", "it is ours"],
        "measure": ["--exp", f"{home}/exp", *spec, "--data", data],
        "transcribe": [wav, "--model", f"espnet:{gone}"],
        "decode": [*decode, gone, "--data", data, "--out", f"{home}/decode"],
        "pack": ["--exp", gone],
        "publish": ["--exp", gone, "--hf_repo", "a/b"],
    }  # fmt: skip
    without = "search measure transcribe decode pack publish".split()  # wrong as they are
    wrong = {verb: [verb, *right[verb]] for verb in without}
    for verb, words in right.items():
        for option, value in (("--encoder", f"espnet:{gone}"), ("--data", gone)):
            if option in words:
                wrong[f"{verb} {option}"] = [verb, *_with(words, option, value)]
        for encoder, value in ((f"espnet:{job.exp}", "layer99"), ("fbank", "norm"), ("fbank", "norm++norm")):
            if _takes(verb, "encoder", "layer") and verb != "measure":  # which scores what was dumped
                wrong[f"{verb} {encoder} {value}"] = [
                    verb,
                    *_with(_with(words, "--encoder", encoder), "--layer", value),
                ]
        for option in {"--out", "--index"} & {*words}:
            if verb != "search":
                wrong[f"{verb} {option}"] = [verb, *_with(words, option, f"{blocked}.npz")]
        if wav in words:
            wrong[f"{verb} audio"] = [verb, *(gone if word == wav else word for word in words)]
    wrong["decode --exit_layer"] = [
        "decode", *decode, f"{job.exp}", "--exit_layer", "layer00", "--data", data, "--out", f"{home}/decode"
    ]  # fmt: skip
    return wrong


def _takes(verb: str, *options: str) -> bool:
    """Whether a verb has all of these options."""
    return {*options} <= {parameter.name for parameter in cli.commands[verb].params}


def _with(words: list[str], option: str, value: str) -> list[str]:
    """The command line with another value of an option."""
    at = words.index(option) if option in words else len(words)
    return [*words[:at], option, value, *words[at + 2 :]]


def test_a_mistake_is_told_before_a_model_is_loaded(lines, tmp_path):
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'local'}", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", CODE, json.dumps(lines)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    assert len(lines) > 40 and {name: code for name, code in found.items() if code != 2} == {}, run.stderr
