"""What is known without the heavy libraries is told without them: each in a process of its own."""

import re
import subprocess
import sys

import pytest

from fangyan.files import ROOT

HEAVY = {"torch", "espnet2", "transformers", "matplotlib", "scipy", "sklearn"}
LIGHT = (
    "fangyan.corpora",
    "fangyan.training",
    "fangyan.recognition.decoding",
    "fangyan.recognition.cer",
    "fangyan.features.dump",
    "fangyan.features.embedding",
    "fangyan.measure.retrieval",
    "fangyan.measure.significance",
    "fangyan.measure.pronunciation_control",
    "fangyan.measure.word_test",
    "fangyan.measure.probing",
    "fangyan.measure.likeness",
    "fangyan.measure.explain",
    "fangyan.report",
    "fangyan.publish",
    "fangyan.search.building",
    "fangyan.mining",
    "fangyan.mining.segmentation",
    "fangyan.units.kmeans",
    "fangyan.units.phone_units",
    "fangyan.units.text_units",
    "fangyan.units.text_to_unit",
    "fangyan.units.assign",
    "fangyan.measure.units",
)
"""Modules whose verbs tell what is up to date, or what is wrong with their arguments."""


def test_modules_that_look_first_and_work_later_load_nothing_heavy():
    code = f"import sys, {', '.join(LIGHT)}; print(*{HEAVY!r} & set(sys.modules))"
    assert _run("-c", code).stdout.strip() == ""


@pytest.fixture(scope="module")
def dumped(sung, tmp_path_factory):
    """Features of a finished dump, and a retrieval by them."""
    home = tmp_path_factory.mktemp("light")
    words = ("--data", f"{sung['test']}", "--out")
    done = {
        "dump": ["dump", "--encoder", "fbank", *words, f"{home / 'feats'}"],
        "retrieve": ["retrieve", "--feats", f"{home / 'feats'}", *words, f"{home / 'retrieval'}"],
        "index": ["index", f"{sung['test']}", "--encoder", "fbank", "--index", f"{home / 'index'}"],
    }
    for command in done.values():
        assert re.search("written|24 recordings added", _run("-m", "fangyan", *command).stdout)
    return done


@pytest.mark.parametrize("verb", ["dump", "retrieve", "index"])
def test_what_is_up_to_date_is_told_without_the_heavy_libraries(dumped, verb):
    code = (
        f"import sys; sys.argv = ['fangyan', *{dumped[verb]!r}]\n"
        "from fangyan.__main__ import main\n"
        "try: main()\n"
        f"finally: print('loaded:', *{HEAVY!r} & set(sys.modules))"
    )
    lines = _run("-c", code).stdout.splitlines()
    assert (
        re.search("up to date|: 0 recordings added, 24 were there", lines[0])
        and lines[-1].strip() == "loaded:"
    )


UNUSED = {
    "fbank": {
        "espnet2",
        "transformers",
        "scipy",
        "sklearn",
        "matplotlib",
        "torch._dynamo",
        "huggingface_hub",
    },
    "espnet": {
        "espnet2.tasks",
        "espnet2.train.trainer",
        "transformers",
        "scipy.signal",
        "hydra",
        "torch._dynamo",
    },
}
"""Family of encoder -> what is not needed to hear recordings of 16 kHz by it, and takes seconds to import."""


@pytest.mark.parametrize("family", [*UNUSED])
def test_recordings_are_compared_embedded_and_searched_without_what_that_does_not_need(
    family, sung, job, tmp_path
):
    a, b = (f"{sung['test'].parent}/wav/{name}test-s00.wav" for name in ("cmn", "yue"))
    encoder = ["--encoder", "fbank" if family == "fbank" else f"espnet:{job.exp}"]
    index = ["--index", f"{tmp_path}/index"]
    lines = [
        ["compare", a, b, *encoder],
        ["embed", a, *encoder, "--out", f"{tmp_path}/a.npz"],
        ["index", b, *encoder, *index],
        ["search", a, *index],
    ]
    code = (
        "import sys\nfrom fangyan.cli import cli\nimport fangyan.__main__\n"
        f"for line in {lines!r}: cli(line, standalone_mode=False)\n"
        f"print('loaded:', *{UNUSED[family]!r} & set(sys.modules))"
    )
    done = _run("-c", code)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
    assert "Flash" not in done.stderr  # ESPnet on what is not installed


def _run(*words: str) -> subprocess.CompletedProcess:
    environment = {"PYTHONPATH": f"{ROOT / 'local'}", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
