"""Progress: bars on a terminal, a line a minute in a log; the clock is the test's."""

import io
import re
import shutil

import pytest
from click.testing import CliRunner

from fangyan import progress
from fangyan.__main__ import cli
from fangyan.files import ROOT
from fangyan.measure import word_test
from fangyan.progress import Progress, duration, track


@pytest.fixture
def clock(monkeypatch):
    """Seconds that only the test lets pass: ``clock[0]``."""
    now = [1000.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def work(clock, units: int, seconds: float, **settings) -> list[str]:
    """The lines of work whose units take so many seconds each."""
    stream = io.StringIO()
    with Progress("decode test", units, "utterances", stream=stream, **settings) as bar:
        for _ in range(units - int(bar.done)):
            clock[0] += seconds
            bar.update()
    return stream.getvalue().splitlines()


def test_short_work_leaves_no_line_in_a_log(clock):
    assert work(clock, 9, 1) == []


def test_a_log_gets_a_line_soon_and_then_one_a_minute_with_what_is_left(clock):
    assert work(clock, 20, 10) == [
        "decode test: 1 of 20 utterances, 4 min left",  # 190 s
        "decode test: 7 of 20 utterances, 3 min left",  # 130 s
        "decode test: 13 of 20 utterances, 2 min left",  # 70 s
        "decode test: 19 of 20 utterances, less than 1 min left",
        "decode test: 20 of 20 utterances after 4 min",
    ]


def test_work_that_resumes_is_measured_by_what_is_done_now(clock):
    assert work(clock, 14, 60, done=10)[:1] == ["decode test: 11 of 14 utterances, 3 min left"]


def test_what_fails_is_not_told_as_done(clock):
    stream = io.StringIO()
    with pytest.raises(ValueError), Progress("dump", 2, "batches", stream=stream) as bar:
        clock[0] += 30
        bar.update()
        raise ValueError
    assert stream.getvalue() == "dump: 1 of 2 batches, less than 1 min left\n"


def test_details_are_asked_for_only_when_they_are_told(clock):
    asked, stream = [], io.StringIO()
    with Progress("epoch 1", 3, "batches", stream=stream) as bar:
        for loss in ("loss 3", "loss 2"):
            bar.update(detail=lambda loss=loss: asked.append(loss) or loss)
            clock[0] += 20
    assert asked == ["loss 2"]
    assert stream.getvalue().startswith("epoch 1: 2 of 3 batches, loss 2, less than 1 min left\n")


def test_a_terminal_gets_a_bar_of_whole_units():
    stream = Terminal()
    with Progress("dump test", 546.4, "s of audio", stream=stream) as bar:
        bar.bar.mininterval = 0
        bar.update(443.14099999999996)
    shown = stream.getvalue().split("\r")[-1]
    assert re.search(r"dump test: +81%\|.*\| 443/546 s of audio, \d\d:\d\d left", shown)


def test_items_are_counted_as_they_are_passed_on(clock, capsys):
    found = []
    for item in track("abc", "probe", "layers"):
        found.append(item)
        clock[0] += 30
    assert found == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [
        "probe: 1 of 3 layers, 1 min left",
        "probe: 3 of 3 layers after 2 min",
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "less than 1 min"), (59.9, "less than 1 min"), (60, "1 min"), (61, "2 min"), (3600, "1 h 00 min"),
     (7500, "2 h 05 min")],
)  # fmt: skip
def test_durations_are_rounded_up_to_minutes(seconds, told):
    assert duration(seconds) == told


def test_there_is_one_mechanism():
    sources = (ROOT / "local" / "fangyan").rglob("*.py")
    others = {
        path.stem for path in sources if re.search(r"(?<!disable_)tqdm", path.read_text(encoding="utf-8"))
    }
    assert others == {"progress"}


@pytest.fixture(scope="module")
def lines(sung, job, tmp_path_factory) -> dict[str, list[str]]:
    """Titles of long work, and in the order in which they go the command lines that do it, on a small set."""
    home, data = tmp_path_factory.mktemp("long"), f"{sung['test']}"
    shutil.copytree(job.exp, home / "exp")
    wavs, exp = f"{sung['test'].parent}/wav", f"{home}/exp"
    feats, encoder = f"{exp}/feats", ["--encoder", f"espnet:{exp}"]
    scored = ["--feats", feats, "--data", data, "--out"]
    return {
        "durations, index": ["index", wavs, *encoder, "--index", f"{home}/index"],
        "search": ["search", wavs, "--index", f"{home}/index", "--top", "1"],
        "embed": ["embed", wavs, *encoder, "--out", f"{home}/x.npz"],
        "transcribe": ["transcribe", f"{wavs}/cmntest-s00.wav", "--model", f"espnet:{exp}"],
        "dump test": ["dump", *encoder, "--data", data, "--out", feats],
        "retrieve test": ["retrieve", *scored, f"{exp}/retrieval"],
        "intervals test": ["intervals", "--retrieval", f"{exp}/retrieval", "--set", "test", "--out", f"{exp}/ci"],
        "IPA, phonetic distance test, control test": ["control", *scored, f"{exp}/control"],
        "word test": ["synonymy", "--encoder", "fbank", "--out", f"{exp}/synonymy"],
        "most telling of test, explain test": ["explain", *encoder, *scored, f"{exp}/explain", "--count", "1"],
        "folds, report": ["report", "--exp", exp, "--dev", "", "--test", "test", "--choose_layer", "folds"],
        "submission": [
            "submission", "--exp", exp, "--test", "test", "--data", f"{sung['test'].parent}", "--choose_layer", "folds",
            "--out", f"{home}/s.json",
        ],
        "pack": ["pack", "--exp", exp],
        "survey, listen test": ["survey", data, "--audio", "--out", f"{home}/survey"],
        "params": ["params", "--config", f"{ROOT}/conf/train/e_branchformer_tiny.yaml"],
    }  # fmt: skip


def test_long_work_of_every_verb_is_counted(lines, monkeypatch):
    begun, begin, triples = [], Progress.__init__, word_test.triples()

    def note(bar, title, *arguments, **settings):
        begun.append(title)
        begin(bar, title, *arguments, **settings)

    monkeypatch.setattr(Progress, "__init__", note)
    monkeypatch.setattr(word_test, "triples", lambda: triples[:2])
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    for titles, words in lines.items():
        begun.clear()
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        assert {*titles.split(", ")} <= {*begun}
