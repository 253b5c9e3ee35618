"""The list of measurements: what its lines mean, and that a mistake is named before anything runs."""

import re

import pytest

from fangyan.errors import DataError, UserError
from fangyan.files import ROOT
from fangyan.measure import plan, pronunciation_control, retrieval, significance, word_test


@pytest.fixture
def listed(tmp_path):
    """A function that reads a list of this text."""

    def read(text, *arguments, **more):
        path = tmp_path / "measure.yaml"
        path.write_text(text, encoding="utf-8")
        return plan.read(path, *arguments, **more)

    return read


def test_the_list_of_the_repository_is_what_experiments_were_measured_by():
    found = plan.read(ROOT / "conf/measure.yaml")
    assert [(one.function, one.options, one.baselines, one.folder) for one in found] == [
        (retrieval.retrieve, {"score": "seqsim"}, True, "retrieval"),
        (retrieval.retrieve, {"score": "pooled"}, True, "retrieval_pooled"),
        (significance.intervals, {}, False, "intervals"),
        (pronunciation_control.control, {"quantile": 0.05}, False, "control"),
    ]
    assert [one.shardable for one in found] == [True, True, False, False]


def test_an_aligned_model_is_measured_by_all_of_that_and_by_what_speech_and_text_are_to_each_other():
    usual, found = (plan.read(ROOT / f"conf/{name}.yaml") for name in ("measure", "measure_align"))
    assert found[: len(usual)] == usual
    assert [one.folder for one in found[len(usual) :]] == [
        *("cross_modal", "hard_negatives", "probe_utt2lang", "probe_utt2lang_speaker", "probe_utt2spk"),
        *("classify", "probe_utt2topic", "probe_utt2topic_text_cmn", "probe_utt2sex_speaker"),
    ]


def test_a_line_is_a_name_or_a_name_with_options(listed):
    for text in ("- control", "- control:", "- control: {}"):
        (found,) = listed(text)
        assert (found.name, found.options, found.baselines) == ("control", {}, False)


def test_more_is_added_behind_and_only_once(listed):
    found = listed("- intervals", also=["word_test", "intervals", "word_test"])
    assert [(one.name, one.folder) for one in found] == [
        ("intervals", "intervals"),
        ("word_test", "synonymy"),
    ]
    assert found[1].function is word_test.synonymy


def test_a_change_is_of_every_line_of_its_name(listed):
    text = "- control: {quantile: 0.05}\n- retrieve: {score: pooled}\n- retrieve"
    found = listed(
        text, changes=["control.quantile=0", "retrieve.baselines=true", "retrieve.normalise=centre"]
    )
    assert [one.options for one in found] == [
        {"quantile": 0},
        {"score": "pooled", "normalise": "centre"},
        {"normalise": "centre"},
    ]
    assert [one.baselines for one in found] == [False, True, True]


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("retrieve", "retrieval"),
        ("retrieve: {score: seqsim, normalise: none}", "retrieval"),
        ("retrieve: {normalise: whiten, score: dtw}", "retrieval_dtw_whiten"),
        ("control: {quantile: 0.7}", "control"),
        ("control: {score: pooled}", "control_pooled"),
        ("intervals: {draws: 10}", "intervals"),
        ("probe: {label: utt2lang}", "probe_utt2lang"),
        ("word_test: {score: ../x}", "synonymy_.._x"),
        ("probe: {label: 主题}", "probe_u4e3bu9898"),
        ("probe: {word: 吃, folds: speaker}", "probe_u5403_speaker"),
        ("probe: {word: 吃, folds: speaker}", "probe_u5403_speaker"),
    ],
)
def test_words_that_are_not_the_default_name_the_folder(listed, line, folder):
    assert listed(f"- {line}")[0].folder == folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "measure.yaml:1: measurements are a list, each line with a dash, got None"),
        ("control: {quantile: 0.5}", "measurements are a list"),
        ("[]", "measurements are a list"),
        ("- [", r"measure.yaml:\d: not readable as YAML"),
        ("- 3", r"measure.yaml: a line is `- name` or `- name: {option: value}`, got 3"),
        ("- control: 3", "a line is .*, got {'control': 3}"),
        ("- {control: {}, intervals: {}}", "a line is .*, got {'control': {}, 'intervals': {}}"),
        (
            "- contrl",
            "measure.yaml: unknown measurement 'contrl': did you mean 'control'? known are retrieve, intervals",
        ),
        ("- control: {quantil: 1}", "yaml: control: unknown key 'quantil': did you mean 'quantile'?"),
        ("- control: {feats: x}", "yaml: control: unknown key 'feats'"),
        ("- control: {3: x}", "yaml: control: unknown key 3"),
        ("- control: {quantile: high}", "yaml: control: quantile: a number, got 'high'"),
        ("- control: {quantile: true}", "yaml: control: quantile: a number, got True"),
        ("- intervals: {draws: 0.5}", "yaml: intervals: draws: a whole number, got 0.5"),
        ("- retrieve: {score: 3}", "yaml: retrieve: score: a word, got 3"),
        ("- retrieve: {score: [seqsim]}", r"yaml: retrieve: score: a word, got \['seqsim'\]"),
        ("- retrieve: {baselines: 1}", "yaml: retrieve: baselines: true or false, got 1"),
        ("- retrieve\n- retrieve: {score: seqsim}", "yaml: retrieve: the results .*, got retrieval twice"),
    ],
)
def test_a_mistake_in_the_list_is_named(listed, text, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        listed(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("quantile=1", "--set is MEASUREMENT.OPTION=VALUE, control.quantile=0.5 say, got 'quantile=1'"),
        ("intervals.seed=1", "--set intervals.seed=1: no intervals is listed: known are control"),
        ("control.quantil=1", "yaml with --set control.quantil=1: control: unknown key 'quantil'"),
        ("control.quantile=high", "--set control.quantile=high: control: quantile: a number, got 'high'"),
        ("control.quantile=", "quantile: a number, got None"),
        ("control.quantile=[", "--set control.quantile=[:1: not readable as YAML"),
    ],
)
def test_a_mistake_in_a_change_is_named(listed, change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        listed("- control", changes=[change])


def test_what_is_asked_for_and_unknown_is_named(listed):
    with pytest.raises(
        UserError, match="--also: unknown measurement 'wordtest': did you mean 'word_test'. known are"
    ):
        listed("- control", also=["wordtest"])


COUNTING = """\
def count(feats, sets, out, unit: str, floor: float = 0.5, part=None):
    return (feats, out, unit, floor)


def odd(out, when: "bytes" = b""):
    return True
"""


def test_another_package_adds_a_measurement(install, listed):
    install("frames = counting:count\nretrieve = counting:count", COUNTING)
    (found,) = listed("- frames: {unit: second}")
    assert (found.folder, found.shardable) == ("frames_second", True)
    assert listed("- retrieve")[0].function is retrieval.retrieve  # a name that is taken here stays ours
    with pytest.raises(DataError, match="yaml: frames: unit: has no default, so a value is needed, got none"):
        listed("- frames")
    with pytest.raises(UserError, match="known are retrieve, .*, probe, .*, frames$"):
        listed("- frame")


def test_a_measurement_that_does_not_load_or_has_odd_options_is_named(install, listed):
    install("frames = counting:absent\nodd = counting:odd", COUNTING)
    with pytest.raises(UserError, match="measurement 'frames' of counting does not load: .*absent"):
        listed("- frames")
    with pytest.raises(UserError, match="odd: when: an option is a word, .*, got <class 'bytes'>"):
        listed("- odd: {when: now}")
