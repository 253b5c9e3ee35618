from pathlib import Path

from fangyan.cluster import job_files
from fangyan.cluster.scheduler import JobState

ARRAY = "#!/bin/sh\n#SBATCH --array=1-3%2\n"


def result(folder: Path, name: str, text: str = "0\t5\n") -> None:
    (folder / f"{name}.exit").write_text(text)


def test_the_tasks_of_a_job_and_their_logs(tmp_path):
    one = job_files.write(tmp_path, "data", "7", "#!/bin/sh\n")
    array = job_files.write(tmp_path, "dump", "8", ARRAY)
    assert one.tasks == ["7"] and one.log("7") == tmp_path / "data.7.log"
    assert array.tasks == ["8_1", "8_2", "8_3"] and array.log("8_2") == tmp_path / "dump.8_2.log"


def test_results_are_those_of_the_job_and_whole(tmp_path):
    array = job_files.write(tmp_path, "dump", "8", ARRAY)
    result(tmp_path, "dump.8_2", "3\t70\n")
    result(tmp_path, "dump.18_1")
    result(tmp_path, "dump.8")
    (tmp_path / "dump.8_3.exit.partial").write_text("0")
    assert array.results() == {"8_2": (3, 70), "8": (0, 5)}


def test_jobs_come_in_the_order_of_their_ids(tmp_path):
    for stage, job in (("dump", "10"), ("data", "9"), ("dump", "100")):
        job_files.write(tmp_path / stage, stage, job, "")
    assert [(r.stage, r.id) for r in job_files.read(tmp_path)] == [
        ("data", "9"),
        ("dump", "10"),
        ("dump", "100"),
    ]


def test_a_job_lives_until_all_its_tasks_have_a_result_or_are_gone(tmp_path):
    array = job_files.write(tmp_path / "dump", "dump", "8", ARRAY)
    running = {
        "8_1": JobState("COMPLETING"),
        "8_3": JobState("PENDING", "Priority"),
        "80": JobState("RUNNING"),
    }
    result(tmp_path / "dump", "dump.8_1")
    assert job_files.live(tmp_path, running) == [(array, JobState("PENDING", "Priority"))]
    result(tmp_path / "dump", "dump.8_3", "1\t0\n")
    assert job_files.live(tmp_path, running) == []


def test_the_tail_of_a_log(tmp_path):
    log = tmp_path / "x.log"
    assert "no log" in job_files.tail(log)
    log.write_text("")
    assert "empty" in job_files.tail(log)
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(5000)) + b"10%\r50%\r100%\n\xff\n")
    assert job_files.tail(log, 3) == "    line 4999\n    100%\n    �"
