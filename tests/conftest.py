"""What tests share: a micro corpus of tones that sing, in three "varieties"; a cluster, a Hub and a browser."""

import gc
import multiprocessing
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.files import ROOT

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def no_process_is_left():
    """What a test leaves running holds pipes open that others wait for: it is stopped, and the test fails."""
    yield
    if multiprocessing.active_children():
        gc.collect()  # what an exception that is told of keeps ends with it
    left = multiprocessing.active_children()
    for process in left:
        process.terminate()
        process.join()
    assert not left, f"the test left processes behind: {left}"


PITCH = {"我": 220, "你": 330, "吃": 440, "饭": 550, "看": 660, "书": 770, "水": 880, "喝": 990}
SENTENCES = ("我吃饭", "你吃饭", "我看书", "你看书", "我喝水", "你喝水", "看我吃", "喝你水")


def tone(text: str, octave: float, seconds: float = 0.2) -> np.ndarray:
    """One tone a character, (N,) float32 at 16 kHz."""
    time = np.arange(int(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    notes = [np.sin(2 * np.pi * PITCH[char] * octave * time) * np.hanning(len(time)) for char in text]
    return 0.5 * np.concatenate(notes).astype(np.float32)


def sing(folder: Path, name: str, sentences=SENTENCES, varieties=("cmn", "yue", "hak")) -> Path:
    """A data directory ``folder/name`` of the sentences in each variety, sung at its own octave."""
    utterances = []
    for n, variety in enumerate(varieties):
        for s, text in enumerate(sentences):
            key = f"{variety}{name}-s{s:02d}"
            wav = folder / "wav" / f"{key}.wav"
            samples = tone(text, 1 + 0.03 * n, 0.2 + 0.02 * (s % 3))
            audio.write(wav, samples)
            seconds = len(samples) / audio.SAMPLE_RATE
            utterances.append(
                Utterance(
                    key, str(wav), text, f"{variety}{name}", variety, f"s{s:02d}", seconds, text_cmn=text
                )
            )
    datadir.write(folder / name, utterances)
    return folder / name


@pytest.fixture(scope="session")
def singer():
    """The function `sing`."""
    return sing


@pytest.fixture(scope="session")
def sung(tmp_path_factory) -> dict[str, Path]:
    """Data directories train, dev and test of the micro corpus."""
    folder = tmp_path_factory.mktemp("sung")
    return {name: sing(folder, name) for name in ("train", "dev", "test")}


MICRO = """\
include: {base}
max_epoch: 2
batch_size: 4
optim_conf: {{lr: 0.005}}
scheduler_conf: {{warmup_steps: 10}}
encoder_conf: {{num_blocks: 2, output_size: 32, cgmlp_linear_units: 64, linear_units: 64}}
decoder_conf: {{linear_units: 64}}
"""


@pytest.fixture(scope="session")
def micro_config(tmp_path_factory) -> Path:
    """A training configuration that takes seconds."""
    path = tmp_path_factory.mktemp("conf") / "micro.yaml"
    path.write_text(MICRO.format(base=ROOT / "conf/train/e_branchformer.yaml"))
    return path


@pytest.fixture(scope="session")
def job(sung, micro_config, tmp_path_factory):
    """A micro experiment, trained; its paths are relative to the recipe folder ``job.exp.parent.parent``."""
    from fangyan.training import Run, collect_stats, train, write_tokens

    exp = tmp_path_factory.mktemp("recipe") / "exp" / "micro"
    tokens = exp.parent.parent / "data" / "tokens"
    write_tokens(sung["train"], "text_cmn", tokens)
    job = Run(micro_config, sung["train"], sung["dev"], tokens, "text_cmn", 1, exp)
    collect_stats(job)
    train(job)
    return job


@pytest.fixture(scope="session")
def tiny_sentence(tmp_path_factory) -> Path:
    """The folder of a tiny model of sentence-transformers, not to be changed."""
    from sentence_models import build_sentence

    return build_sentence(tmp_path_factory.mktemp("sentence") / "tiny")


@pytest.fixture(scope="session")
def tiny_dual(tmp_path_factory) -> Path:
    """An experiment with a tiny language model that reads units of MFCC and texts, not to be changed."""
    from dual_models import build_dual

    return build_dual(tmp_path_factory.mktemp("dual") / "exp" / "dual" / "llm").parent


@pytest.fixture(scope="session")
def aligned(sung, micro_config, tiny_sentence, tmp_path_factory) -> Path:
    """A micro experiment of the task align, trained, whose teacher is `tiny_sentence`; not to be changed."""
    from aligned import ALIGN, train_aligned

    home = tmp_path_factory.mktemp("aligned")
    objectives = "{asr: 0.3, info_nce: 1.0}"
    written = ALIGN.format(base=micro_config, teacher=tiny_sentence, objectives=objectives, more="")
    (home / "align.yaml").write_text(written)
    return train_aligned(home / "align.yaml", sung, home / "exp" / "align_text_cmn_seed1")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that installs a package: its name, which is that of its one module, entry points and text."""

    def install(name: str, entry_points: str, text: str, version: str = "1.0") -> None:
        home = tmp_path / f"site{len(list(tmp_path.glob('site*')))}"
        information = home / f"{name}-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"{entry_points}\n")
        (home / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(home)

    return install


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A `minislurm.MiniSlurm` that is running: a real cluster of two nodes."""
    import minislurm

    if reason := minislurm.missing():
        pytest.skip(reason)
    with minislurm.MiniSlurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def minihub(tmp_path, monkeypatch):
    """A `minihub.MiniHub` that is the Hugging Face Hub to this process and those it starts, with an empty cache."""
    from huggingface_hub import constants
    from minihub import MiniHub

    with MiniHub() as hub:
        settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": "hf_write"}
        settings |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)  # read from the environment when it was imported
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium without a screen, with a microphone that hears beeps, at the hands of Playwright."""
    from playwright.sync_api import sync_playwright

    programs = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    program = next(programs, None) or pytest.skip("no Chromium here: apt-get install chromium")
    microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *microphone])
        yield browser
        browser.close()
