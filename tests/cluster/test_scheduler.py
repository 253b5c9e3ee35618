"""What Slurm is asked and how its answers are read, with fakes of its commands that write their arguments down."""

from pathlib import Path

import pytest

from fangyan.cluster import scheduler
from fangyan.cluster.scheduler import Standing
from fangyan.errors import UserError


class Fakes:
    """Commands that record their arguments and answer what they were told to."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, name: str, answer: str = "", code: int = 0, complaint: str = "") -> None:
        """A command that says ``answer`` on stdout and ``complaint`` on stderr."""
        (self.folder / f"{name}.answer").write_text(answer)
        (self.folder / f"{name}.complaint").write_text(complaint)
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\ncd {self.folder}\nprintf "%s\\n" "$@" >{name}.asked\n'
            f"/bin/cat {name}.answer; /bin/cat {name}.complaint >&2; exit {code}\n"
        )
        path.chmod(0o755)

    def asked(self, name: str) -> list[str]:
        """The arguments of the last call."""
        return (self.folder / f"{name}.asked").read_text().splitlines()


@pytest.fixture
def fakes(tmp_path, monkeypatch) -> Fakes:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Fakes(tmp_path)


def test_a_submission(fakes):
    fakes.add("sbatch", "17\n")
    assert scheduler.submit("#!/bin/sh\n") == "17"
    assert fakes.asked("sbatch") == ["--parsable"]
    assert scheduler.submit("#!/bin/sh\n", after="16") == "17"
    assert fakes.asked("sbatch") == ["--parsable", "--dependency=afterok:16", "--kill-on-invalid-dep=yes"]


def test_a_cluster_of_several_adds_its_name_to_the_id(fakes):
    fakes.add("sbatch", "17;west\n")
    assert scheduler.submit("") == "17"


def test_a_refusal_says_what_slurm_said_last(fakes):
    fakes.add(
        "sbatch",
        code=1,
        complaint="sbatch: error: hint\nsbatch: error: Batch job submission failed: Invalid qos\n",
    )
    with pytest.raises(UserError, match="^Batch job submission failed: Invalid qos$"):
        scheduler.submit("")


def test_without_slurm_it_says_so(fakes):
    assert not scheduler.installed() and scheduler.mine() == {}
    with pytest.raises(
        UserError, match="sbatch: not found: --backend slurm needs the commands of Slurm here"
    ):
        scheduler.submit("")


def test_how_tasks_stand(fakes):
    fakes.add("squeue", "7_1|RUNNING|None|n1\n7_2|PENDING|Nodes required are DOWN, DRAINED|\n")
    assert scheduler.standings("7") == {
        "7_1": Standing("RUNNING", "None", "n1"),
        "7_2": Standing("PENDING", "Nodes required are DOWN, DRAINED", ""),
    }
    assert fakes.asked("squeue") == [
        "--noheader",
        "--array",
        "--format=%i|%T|%r|%N",
        "--jobs=7",
        "--states=all",
    ]


def test_a_forgotten_job_and_a_silent_controller_are_two_things(fakes):
    fakes.add("squeue", code=1, complaint="slurm_load_jobs error: Invalid job id specified\n")
    assert scheduler.standings("7") == {}
    fakes.add("squeue", code=1, complaint="slurm_load_jobs error: Unable to contact slurm controller\n")
    assert scheduler.standings("7") is None


def test_the_end_is_asked_of_scontrol_first(fakes):
    fakes.add(
        "scontrol", "JobId=7 JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15 NodeList=n[1-2] BatchHost=n1\n"
    )
    assert scheduler.end_of("7") == Standing("TIMEOUT", "TimeLimit", "n[1-2]", "0:15")


def test_the_end_is_asked_of_sacct_when_the_controller_forgot(fakes):
    fakes.add("scontrol", code=1, complaint="slurm_load_jobs error: Invalid job id specified\n")
    fakes.add("sacct", "CANCELLED by 1000|None|n1|0:0\n")
    assert scheduler.end_of("7_2") == Standing("CANCELLED", "None", "n1", "0:0")
    assert "--jobs=7_2" in fakes.asked("sacct")
    fakes.add("sacct", code=1, complaint="Slurm accounting storage is disabled\n")
    assert scheduler.end_of("7") is None
    (fakes.folder / "sacct").unlink()
    assert scheduler.end_of("7") is None


@pytest.mark.parametrize(
    ("state", "live"),
    [
        ("PENDING", True),
        ("COMPLETING", True),
        ("REQUEUE_HOLD", True),
        ("NODE_FAIL", False),
        ("COMPLETED", False),
    ],
)
def test_states_that_have_not_ended(state, live):
    assert Standing(state).live == live
