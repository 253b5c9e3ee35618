import re
from pathlib import Path

import pytest

from fangyan.cluster.classes import SHIPPED, job_class, own_file
from fangyan.errors import DataError


def test_our_own_values(own):
    cpu, gpu, train = map(job_class, ("cpu", "gpu", "train"))
    assert (cpu.gpus, gpu.gpus, train.gpus) == (0, 1, 1)
    assert (cpu.partition, cpu.memory, cpu.requeue, train.requeue, cpu.sbatch) == ("", "16G", 0, 300, [])


def test_the_users_values_win_and_a_class_wins_over_all(own):
    own.write_text(
        "all: {partition: long, cpus: 8, memory: 32000}\ntrain: {partition: big, setup: [module load cuda]}"
    )
    assert [job_class(name).partition for name in ("cpu", "gpu", "train")] == ["long", "long", "big"]
    assert job_class("gpu").cpus == 8  # his `all` before our `gpu`
    assert job_class("cpu").memory == "32000" and job_class("train").setup == ["module load cuda"]


def test_nothing_after_a_colon_is_what_the_cluster_does_by_default(own):
    own.write_text("all: {memory: , gpus: , setup: }\ncpu:")
    assert (job_class("cpu").memory, job_class("gpu").gpus, job_class("train").setup) == ("", 0, [])


def test_where_the_users_file_lies(monkeypatch, tmp_path):
    monkeypatch.delenv("FANGYAN_SLURM", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert own_file() == tmp_path / "fangyan/slurm.yaml" and job_class("cpu").cpus == 2
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert own_file() == Path("/home/ann/.config/fangyan/slurm.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu: {partitoin: a}", r"mine.yaml: gpu: unknown key 'partitoin': did you mean 'partition'\?"),
        ("gpus: {partition: a}", r"mine.yaml: unknown key 'gpus': did you mean 'gpu'\?"),
        ("cpu: 5", "mine.yaml: cpu is a mapping of settings, got 5"),
        (
            "cpu: {time: 12:00:00}",
            r'mine.yaml: cpu: time is text in quotes, "12:00:00", got the number 43200',
        ),
        ("cpu: {cpus: two}", "mine.yaml: cpu: cpus is a whole number, got 'two'"),
        ("cpu: {cpus: -1}", "cpus is a whole number, got -1"),
        ("cpu: {requeue: true}", "requeue is a whole number, got True"),
        ("cpu: {setup: module load cuda}", "setup is a list of texts, got 'module load cuda'"),
        ("cpu: {sbatch: [--nice, 5]}", "sbatch is a list of texts, got"),
        ("cpu: {account: [a]}", "account is text, got"),
        ("cpu: [", "mine.yaml:1: not readable as YAML"),
    ],
)
def test_a_mistake_names_the_file_the_class_and_the_key(own, text, message):
    own.write_text(text)
    with pytest.raises(DataError, match=message):
        job_class("cpu")


def test_a_file_that_was_named_has_to_be_there(own):
    own.unlink()
    with pytest.raises(DataError, match="mine.yaml: no such file"):
        job_class("cpu")


def test_every_key_is_explained_where_it_stands():
    keys = re.findall(r"^  (\w+): .*#", SHIPPED.read_text().partition("\ncpu:")[0], re.M)
    explained_above = {"account", "qos", "constraint"}
    assert set(keys) | explained_above == set(job_class("cpu").__dataclass_fields__) - {"name"}
