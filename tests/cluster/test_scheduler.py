"""What Slurm is asked and how its answers are read, with fakes of its commands that write their arguments down."""

import os
import re
from pathlib import Path

import pytest

from fangyan.cluster import scheduler
from fangyan.cluster.scheduler import JobState, SubmissionRefused
from fangyan.cluster.stopping import Interrupted
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
    assert scheduler.submit("#!/bin/sh\n", "dump.x") == "17"
    parsable, name = fakes.asked("sbatch")
    assert parsable == "--parsable" and re.fullmatch(r"--job-name=dump\.x\.[0-9a-f]{8}", name)
    assert scheduler.submit("#!/bin/sh\n", "dump.x", after="16") == "17"
    _, again, *dependency = fakes.asked("sbatch")
    assert again != name and dependency == ["--dependency=afterok:16", "--kill-on-invalid-dep=yes"]


@pytest.mark.parametrize(
    "answer",
    [
        "17\n",
        "17",
        "17;west\n",
        "Your project has 12 hours left\n17\n",
        "17;west\r\nSee you on the 4th of May\r\n",
        "*** 维护: 5 月 1 日 ***\n12 hours left\n17\n",
        "Submitted batch job 17\n",
        "Submitted batch job 17 on cluster west\n",
    ],
)
def test_the_id_is_found_among_what_a_site_adds(fakes, answer):
    fakes.add("sbatch", answer, complaint="sbatch: note: quota 90 %\n")
    assert scheduler.submit("", "x") == "17"


def test_a_banner_may_be_in_any_encoding(fakes):
    fakes.add("sbatch")
    (fakes.folder / "sbatch.answer").write_bytes(b"Bient\xf4t\n17\n")
    assert scheduler.submit("", "x") == "17"


def test_a_refusal_says_what_slurm_said_last(fakes):
    fakes.add(
        "sbatch",
        code=1,
        complaint="sbatch: error: hint\nsbatch: error: Batch job submission failed: Invalid qos\n",
    )
    with pytest.raises(SubmissionRefused, match="^hint; Batch job submission failed: Invalid qos$"):
        scheduler.submit("", "x")
    fakes.add("sbatch", code=1, complaint="no more jobs today")
    with pytest.raises(SubmissionRefused, match="^no more jobs today$"):
        scheduler.submit("", "x")
    fakes.add("sbatch", code=1)
    with pytest.raises(SubmissionRefused, match="^it said nothing$"):
        scheduler.submit("", "x")


class Controller:
    """A Slurm whose sbatch accepts some tries and answers some: what is in the queue, and how long was waited."""

    def __init__(self, fakes: Fakes, monkeypatch):
        self.fakes, self.waited, self.then = fakes, [], {}
        fakes.add("squeue")
        monkeypatch.setattr(scheduler, "sleep_unless_orphaned", self.rest)

    def rest(self, seconds: float, parent: int) -> None:
        """Nothing; what was to happen after so many waits has happened."""
        self.waited.append(seconds)
        self.then.get(len(self.waited), lambda: None)()

    def mark(self) -> str:
        """The name of the job that sbatch was last asked for."""
        return self.fakes.asked("sbatch")[1].removeprefix("--job-name=")

    def accept(self) -> None:
        """Nothing; the job is in the queue, with another of the same experiment."""
        self.fakes.add("squeue", f"banner\n16|dump.x\n17|{self.mark()}\n17|{self.mark()}\n18|dump.x.0\n")


@pytest.fixture
def controller(fakes, monkeypatch) -> Controller:
    return Controller(fakes, monkeypatch)


SILENCES = [
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Unable to contact slurm controller (connect failure): Connection refused",
    "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
    "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
    "sbatch: error: Batch job submission failed: Resource temporarily unavailable",
    "sbatch: error: Slurm job queue full, sleeping and retrying\n"
    "sbatch: error: Batch job submission failed: Unable to create job record, try again",
    "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
]


@pytest.mark.parametrize("said", SILENCES)
def test_a_silent_controller_is_tried_again(fakes, controller, said, capsys):
    fakes.add("sbatch", code=1, complaint=f"{said}\n")
    controller.then[3] = lambda: fakes.add("sbatch", "17\n")
    assert scheduler.submit("", "dump.x") == "17"
    assert controller.waited == list(scheduler.WAITS[:3]) == sorted(controller.waited)
    assert "Slurm does not answer: asking again in 5 s\n" in capsys.readouterr().err


def test_a_job_that_was_accepted_in_silence_is_not_submitted_twice(fakes, controller):
    fakes.add("sbatch", code=1, complaint=f"{SILENCES[0]}\n")

    def accept():
        controller.accept()
        (fakes.folder / "sbatch").unlink()  # to ask it again is an error

    controller.then[2] = accept
    assert scheduler.submit("", "dump.x") == "17"


def test_nothing_is_submitted_again_before_squeue_answers(fakes, controller):
    def mute():
        fakes.add("squeue", code=1, complaint="slurm_load_jobs error: Unable to contact slurm controller\n")
        (fakes.folder / "sbatch").unlink()

    fakes.add("sbatch", code=1, complaint=f"{SILENCES[0]}\n")
    controller.then[1] = mute
    controller.then[4] = lambda: (fakes.add("squeue"), fakes.add("sbatch", "17\n"))
    assert scheduler.submit("", "dump.x") == "17"
    assert len(controller.waited) == 4


def test_a_success_without_an_id_is_looked_for(fakes, controller):
    fakes.add("sbatch", "accepted, thank you\n")
    controller.then[1] = controller.accept
    assert scheduler.submit("", "dump.x") == "17"


def test_silence_for_minutes_ends_with_what_to_look_for(fakes, controller):
    fakes.add("sbatch", code=1, complaint=f"{SILENCES[1]}\n")
    with pytest.raises(UserError, match=r"does not answer, .* `squeue --name=dump\.x\.\w{8}` shows a job"):
        scheduler.submit("", "dump.x")
    assert 120 < sum(controller.waited) < 600


def test_who_stops_while_slurm_is_silent_leaves_no_job(fakes, controller):
    def stop():
        raise Interrupted(2)

    fakes.add("sbatch", code=1, complaint=f"{SILENCES[1]}\n")
    fakes.add("scancel")
    controller.then[2] = stop
    with pytest.raises(Interrupted):
        scheduler.submit("", "dump.x")
    assert fakes.asked("scancel") == [f"--name={controller.mark()}"]


def test_questions_are_asked_again(fakes, controller):
    mute = {"code": 1, "complaint": "error: Unable to contact slurm controller (connect failure)\n"}
    for name in ("squeue", "scontrol", "sacct", "scancel"):
        fakes.add(name, **mute)
    assert scheduler.end_of("7") is None and not scheduler.cancel(["7"])
    fakes.add("sbatch")
    with pytest.raises(UserError, match="does not answer, .*: which jobs run is not known"):
        scheduler.own_jobs()
    controller.waited.clear()
    controller.then[1] = lambda: fakes.add("squeue", "Welcome | to | this | site\n7|RUNNING|None|n1\n")
    assert scheduler.own_jobs() == {"7": JobState("RUNNING", "None", "n1")}
    controller.then[2] = lambda: fakes.add("scontrol", "JobId=7 JobState=TIMEOUT Reason=x ExitCode=0:15\n")
    assert scheduler.end_of("7") == JobState("TIMEOUT", "x", "", "0:15")
    controller.then[3] = lambda: fakes.add("scancel")
    assert scheduler.cancel(["7"]) and len(controller.waited) == 3


def test_without_slurm_it_says_so(fakes):
    assert not scheduler.installed() and scheduler.own_jobs() == {}
    with pytest.raises(
        UserError, match="sbatch: not found: --backend slurm needs the commands of Slurm here"
    ):
        scheduler.submit("", "x")
    (fakes.folder / "sbatch").touch(0o644)
    if os.access(fakes.folder / "sbatch", os.X_OK):
        return
    with pytest.raises(UserError, match="sbatch: not ours to run: --backend slurm needs"):
        scheduler.submit("", "x")


def test_how_tasks_stand(fakes):
    fakes.add("squeue", "7_1|RUNNING|None|n1\n7_2|PENDING|Nodes required are DOWN, DRAINED|\n")
    assert scheduler.job_states("7") == {
        "7_1": JobState("RUNNING", "None", "n1"),
        "7_2": JobState("PENDING", "Nodes required are DOWN, DRAINED", ""),
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
    assert scheduler.job_states("7") == {}
    fakes.add("squeue", code=1, complaint="slurm_load_jobs error: Unable to contact slurm controller\n")
    assert scheduler.job_states("7") is None


def test_the_end_is_asked_of_scontrol_first(fakes):
    fakes.add(
        "scontrol", "JobId=7 JobState=TIMEOUT Reason=TimeLimit ExitCode=0:15 NodeList=n[1-2] BatchHost=n1\n"
    )
    assert scheduler.end_of("7") == JobState("TIMEOUT", "TimeLimit", "n[1-2]", "0:15")


def test_the_end_is_asked_of_sacct_when_the_controller_forgot(fakes):
    fakes.add("scontrol", code=1, complaint="slurm_load_jobs error: Invalid job id specified\n")
    fakes.add("sacct", "Bonjour\nCANCELLED by 1000|None|n1|0:0\r\nall | is | well | today\n")
    assert scheduler.end_of("7_2") == JobState("CANCELLED", "None", "n1", "0:0")
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
    assert JobState(state).live == live
