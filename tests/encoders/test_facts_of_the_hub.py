"""Facts of a model that only the Hub has: what is asked of it, and that this is enough."""

import pytest
from click.testing import CliRunner
from minihub import Repository

from fangyan.__main__ import cli
from fangyan.encoders.facts import facts


@pytest.fixture
def offline():
    """Here the Hub is one of ours, on this machine."""


@pytest.fixture
def published(minihub, tiny):
    """The log of a Hub with a tiny Whisper and its card."""
    found = Repository(private=False)
    files = {path.name: path.read_bytes() for path in tiny("whisper").iterdir()}
    found.commit("main", files | {"README.md": b"---\nlicense: mit\n---\n", "other.bin": b"x" * 99})
    minihub.repositories["user/whisper"] = found
    return minihub


def test_no_weights_are_downloaded_and_the_second_time_nothing(published, tiny):
    folder = tiny("whisper")
    found = facts("hf:user/whisper")
    size = (folder / "model.safetensors").stat().st_size
    assert found.files.absent == ("model.safetensors",) and found.download == size
    assert found.licence == "mit"
    here = facts(f"hf:{folder}")
    assert (found.layers, found.parameters, found.longest) == (here.layers, here.parameters, here.longest)
    fetched = {line.rpartition("/")[2] for line in published.log if "/resolve/" in line}
    assert fetched <= {"config.json", "preprocessor_config.json", "README.md"}
    assert "model.safetensors" not in " ".join(published.log)
    before = len([line for line in published.log if line.startswith("GET") and "/resolve/" in line])
    assert facts("hf:user/whisper") == found
    assert len([line for line in published.log if line.startswith("GET") and "/resolve/" in line]) == before


def test_the_verb_says_what_is_to_be_downloaded(published):
    done = CliRunner().invoke(cli, ["encoders", "hf:user/whisper"])
    assert done.exit_code == 0, done.exception
    assert "to be downloaded" in done.output and "licence     mit" in done.output
