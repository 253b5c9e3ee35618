"""All of a list on real features: the same files as of the single commands, at once or in shards, stopped or not."""

import pytest
from click.testing import CliRunner

from fangyan import measure
from fangyan.__main__ import cli
from fangyan.errors import UserError
from fangyan.features import dump
from fangyan.files import fingerprint
from fangyan.measure import Subject, plan, pronunciation_control, retrieval, significance
from fangyan.shards import Shard

LIST = """\
- retrieve: {baselines: true}
- retrieve: {score: pooled, baselines: true}
- intervals
- control: {quantile: 0.05}
"""


@pytest.fixture(scope="module")
def sets(singer, tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    return [singer(home, name, ("我吃饭", "你吃饭", "我看书")) for name in ("dev", "test")]


@pytest.fixture
def exp(sets, tmp_path):
    """An experiment whose features are dumped, and those of one baseline."""
    home = tmp_path / "exp"
    dump.dump("fbank", sets, home / "feats")
    dump.dump("mfcc", sets, home / "baselines" / "mfcc" / "feats")
    (home / "measure.yaml").write_text(LIST)
    return home


def one_by_one(exp, sets):
    """What the single commands write, in the order in which they were run before there was a list."""
    for home in (exp, exp / "baselines" / "mfcc"):
        retrieval.retrieve(home / "feats", sets, home / "retrieval")
        retrieval.retrieve(home / "feats", sets, home / "retrieval_pooled", "pooled")
    significance.intervals(exp / "retrieval", ["dev", "test"], exp / "intervals")
    pronunciation_control.control(exp / "feats", sets, exp / "control", "seqsim", 0.05)


def at_once(exp, sets, part="1/1", merge=0, layers=()):
    measurements = plan.read(exp / "measure.yaml")
    model, baseline = Subject(exp, "fbank", layers), measure.baseline(exp, "mfcc=mfcc")
    found = measure.measure(measurements, model, [baseline], sets, Shard.parse(part, merge))
    return [(str(out.relative_to(exp)), built) for out, built in found]


def results(exp):
    """Every file with its content, the stamps of finished work included."""
    return {str(p.relative_to(exp)): fingerprint(p) for p in exp.rglob("*") if p.is_file()}


FOLDERS = [
    "retrieval",
    "baselines/mfcc/retrieval",
    "retrieval_pooled",
    "baselines/mfcc/retrieval_pooled",
    "intervals",
    "control",
]


def test_the_files_are_those_of_the_single_commands_at_once_or_in_shards(exp, sets):
    before = results(exp)
    one_by_one(exp, sets)
    wanted = results(exp)
    assert at_once(exp, sets) == [(folder, False) for folder in FOLDERS]  # recognised as finished
    assert {name.split("/dev")[0] for name in wanted.keys() - before.keys() if "/dev/" in name} == {*FOLDERS}

    def forget():
        for path in exp.rglob("*"):
            if path.is_file() and str(path.relative_to(exp)) not in before:
                path.unlink()

    forget()
    assert at_once(exp, sets) == [(folder, True) for folder in FOLDERS]
    assert results(exp) == wanted
    forget()
    for shard in ("1/2", "2/2"):
        assert at_once(exp, sets, shard) == [(folder, True) for folder in FOLDERS[:4]]
    assert at_once(exp, sets, merge=2) == [(folder, True) for folder in FOLDERS]
    assert results(exp) == wanted


def test_what_was_stopped_goes_on_with_what_is_missing(exp, sets, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pronunciation_control, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            at_once(exp, sets)
    assert at_once(exp, sets) == [(folder, folder == "control") for folder in FOLDERS]
    assert not list(exp.rglob("*.partial"))


def test_a_missing_shard_is_named(exp, sets):
    at_once(exp, sets, "1/2")
    with pytest.raises(UserError, match="retrieval/dev: shard 2/2 is not finished, .* --shard 2/2 again"):
        at_once(exp, sets, merge=2)


def test_layers_are_those_of_the_model_alone(exp, sets):
    (exp / "measure.yaml").write_text("- retrieve: {baselines: true}")
    with pytest.raises(UserError, match="--layer nought: no layer 'nought'"):
        at_once(exp, sets, layers=["nought"])
    assert len(at_once(exp, sets, layers=["fbank"])) == 2  # mfcc has no layer of this name


def test_results_of_some_layers_leave_those_of_all_as_they_are(exp, sets):
    at_once(exp, sets)
    before = results(exp)
    beside = [
        f"layers/fbank_fbank+fbank/{name}"
        for name in ("retrieval", "retrieval_pooled", "intervals", "control")
    ]
    found = dict(at_once(exp, sets, layers=["fbank", "fbank+fbank"]))
    assert found == dict.fromkeys(beside, True) | dict.fromkeys(FOLDERS[1:4:2], False)
    assert {name: results(exp)[name] for name in before} == before
    ranked = {layer for layer, _ in significance.read_ranks(exp / beside[0] / "test" / "ranks.tsv")}
    assert ranked == {"fbank", "fbank+fbank"}
    assert dict(at_once(exp, sets)) == dict.fromkeys(FOLDERS, False)


def test_what_no_layer_is_chosen_for_is_measured_once(exp):
    def counted(encoder: str, out):
        """Depends on the encoder alone."""

    one = plan.Measurement("counted", counted, {})
    given = Subject(exp, "fbank", ["a"]).given(one, [], Shard.parse("1/1", 0))
    assert (given.out, given.retrieval) == (exp / "counted", exp / "layers" / "a" / "retrieval")


def command(exp, sets, *words):
    line = ["measure", "--exp", str(exp), *(f"--data={data}" for data in sets), *words]
    return CliRunner().invoke(cli, line)


def test_the_command_says_what_was_written(exp, sets):
    words = [
        "--baseline",
        "mfcc=mfcc",
        "--measures",
        str(exp / "measure.yaml"),
        "--set",
        "control.quantile=0.5",
    ]
    said = command(exp, sets, *words)
    written, recalls = said.stdout.split("\n\n")
    assert said.exit_code == 0 and written.split("\n") == [f"{exp / f}: written" for f in FOLDERS]
    assert recalls.startswith("R@1 in percent, mean over the pairs of varieties\n")
    assert (exp / "control/test/controlled.tsv").read_text().split("\n")[1].split("\t")[6] == "0.5"
    assert command(exp, sets, "--set", "control.quantile=0.5").stdout.count("up to date") == 4


def test_a_mistake_is_named_before_anything_runs(exp, sets):
    for words, message in (
        (["--set", "control.quantile=high"], "control: quantile: a number, got 'high'"),
        (
            ["--baseline", "mfcc"],
            "--baseline is NAME=SPEC, the name of its folder and its encoder, got 'mfcc'",
        ),
        (["--baseline", "../x=mfcc"], "--baseline is NAME=SPEC"),
    ):
        said = command(exp, sets, *words)
        assert isinstance(said.exception, UserError) and message in str(said.exception)
    assert not (exp / "retrieval").exists()


def test_a_measurement_of_another_package_gets_what_it_asks_for(install, exp, sets):
    install(
        "seen = counting:see",
        "def see(encoder, names, retrieval, out, n: int = 1):\n    SEEN[out] = vars()\n",
    )
    (exp / "measure.yaml").write_text("- seen: {n: 3, baselines: true}")
    import counting

    counting.SEEN = {}
    assert at_once(exp, sets) == [("seen", False), ("baselines/mfcc/seen", False)]
    of_model, of_baseline = counting.SEEN.values()
    assert of_model["names"] == ["dev", "test"] and of_model["retrieval"] == exp / "retrieval"
    assert (of_model["encoder"], of_baseline["encoder"], of_model["n"]) == ("fbank", "mfcc", 3)
