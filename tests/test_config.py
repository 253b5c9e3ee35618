from pathlib import Path

import pytest
import yaml

from fangyan.__main__ import cli
from fangyan.config import check_keys, compose, find, flat, merge
from fangyan.errors import DataError
from fangyan.files import ROOT


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_an_overlay_states_only_the_difference(tmp_path):
    write(tmp_path, base="a: 1\nconf: {x: 1, y: [1, 2]}", over="include: base.yaml\nconf: {y: [3]}\nb: 2")
    assert compose(tmp_path / "over.yaml") == {"a": 1, "conf": {"x": 1, "y": [3]}, "b": 2}


def test_of_several_includes_the_later_wins(tmp_path):
    write(tmp_path, one="a: 1\nb: 1", two="a: 2", over="include: [one.yaml, two.yaml]")
    assert compose(tmp_path / "over.yaml") == {"a": 2, "b": 1}


def test_another_class_leaves_the_options_of_the_first_behind(tmp_path):
    write(tmp_path, base="optim: adam\noptim_conf: {lr: 1}", over="include: base.yaml\noptim: sgd")
    assert compose(tmp_path / "over.yaml") == {"optim": "sgd"}
    write(tmp_path, over="include: base.yaml\noptim: adam\noptim_conf: {eps: 2}")
    assert compose(tmp_path / "over.yaml") == {"optim": "adam", "optim_conf": {"lr": 1, "eps": 2}}


def test_merging_leaves_its_arguments_alone():
    base = {"a": {"b": 1}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"over": "include: over.yaml"}, "circle: over.yaml -> over.yaml"),
        ({"over": "a: 1\na: 2"}, r"over\.yaml:2: a key stands once in a mapping, got 'a' again"),
        ({"over": "a: [1"}, r"over\.yaml:\d: not readable as YAML"),
        ({"over": "- 1"}, r"over\.yaml:1: a configuration is a mapping"),
        (
            {"over": "include: gone.yaml"},
            r"over\.yaml: include is a file.*got gone\.yaml: there is no .*gone\.yaml",
        ),
        ({"over": "include: ."}, r"over\.yaml: include is a file"),
        ({"over": "include: 3"}, r"over\.yaml: include is a path or a list of paths, got 3"),
        ({"over": "include: [3]"}, r"include is a path or a list of paths, got \[3\]"),
        ({"over": "include:"}, "include is a path or a list of paths, got None"),
        ({"over": "a: 1\n3: 1"}, r"over\.yaml: a key is a word, got 3"),
        ({"over": "null: 1"}, "a key is a word, got None"),
        ({"over": "a: !!python/object/apply:os.system [true]"}, "not readable as YAML"),
        ({"over": "b: 1\na: !!int x"}, r"over\.yaml:2: not readable as YAML: no int \(invalid literal"),
        ({"over": "a: !!bool x"}, r"over\.yaml:1: not readable as YAML: no bool"),
        ({"over": f"a: {'9' * 5000}"}, r"over\.yaml:1: not readable as YAML: no int"),
        ({"over": "a: !!binary eA=="}, "not readable as YAML"),
        ({"over": "a: !!set {x, y}"}, "not readable as YAML"),
        ({"over": "a: !!map x"}, "not readable as YAML"),
        ({"over": "a:\n  ? [x]\n  : 3"}, r"over\.yaml:2: not readable as YAML: a key is one word"),
        ({"over": "a: &x {b: *x}"}, r"over\.yaml:1: not readable as YAML: .*recursive"),
        ({"over": "a: &x [*x]"}, r"over\.yaml:1: not readable as YAML: .*recursive"),
        ({"over": f"a: {'[' * 3000}"}, "not readable as YAML"),
        ({"over": 'a: "\\UFFFFFFFF"'}, "not readable as YAML"),
    ],
)
def test_bad_files_are_named(tmp_path, files, message):
    write(tmp_path, **files)
    with pytest.raises(DataError, match=message):
        compose(tmp_path / "over.yaml")


def test_a_date_is_a_word_and_a_block_may_be_used_again(tmp_path):
    write(tmp_path, dates="a: 2020-01-02\nb: 2020-13-45\nc: {2020-01-02: 1}")
    assert compose(tmp_path / "dates.yaml") == {"a": "2020-01-02", "b": "2020-13-45", "c": {"2020-01-02": 1}}
    write(tmp_path, again="a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\nc: [*a, *a]")
    assert compose(tmp_path / "again.yaml") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}] * 2}


def test_unknown_keys_are_refused_at_any_depth_with_the_nearest_known():
    known = {"encoder": None, "encoder_conf": {"num_blocks": None, "attention_heads": None}, "free": None}
    check_keys({"encoder": "x", "encoder_conf": {"num_blocks": 3}, "free": {"anything": 1}}, known, "c.yaml")
    with pytest.raises(DataError, match=r"c\.yaml: encoder_conf: unknown key 3: known are "):
        check_keys({"encoder_conf": {3: 1}}, known, "c.yaml")
    with pytest.raises(DataError, match=r"c\.yaml: unknown key 'encodr': did you mean 'encoder'\?"):
        check_keys({"encodr": 1}, known, "c.yaml")
    with pytest.raises(
        DataError, match=r"encoder_conf: unknown key 'num_blocs': did you mean 'num_blocks'\?"
    ):
        check_keys({"encoder_conf": {"num_blocs": 1}}, known, "c.yaml")
    with pytest.raises(DataError, match="unknown key 'zzz': known are encoder, encoder_conf, free"):
        check_keys({"zzz": 1}, known, "c.yaml")


CONFIGURATIONS = sorted([*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("egs2/*/*/conf/**/*.yaml")])
CONFIGURATIONS = [path for path in CONFIGURATIONS if not path.name.startswith("measure")]  # lists


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_configuration_of_the_repository_composes(path):
    assert compose(path)
    overlay = yaml.safe_load(path.read_text())
    if "include" in overlay:
        assert len(path.read_text().splitlines()) <= 20


def test_values_by_dotted_keys():
    nested = {"a": 1, "b_conf": {"c": [1, 2], "d_conf": {"e": None}}, "f_conf": {}}
    assert flat(nested) == {"a": 1, "b_conf.c": [1, 2], "b_conf.d_conf.e": None, "f_conf": {}}


def test_a_file_is_found_in_the_recipe_or_else_in_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("conf/decode.yaml")
    assert find(path) == ROOT / path
    path.parent.mkdir()
    path.touch()
    assert find(path) == path
    assert find(Path("conf/none.yaml")) == Path("conf/none.yaml")  # and is told as it was typed


@pytest.mark.parametrize(
    ("verb", "option", "words"),
    [
        ("params", "config", "--config conf/train/whisper.yaml"),
        ("decode", "config", "--config conf/decode.yaml --exp a --data b --out c"),
        ("transcribe", "config", "a.wav --model espnet:a"),
        ("measure", "measures", "--exp a --data b"),
        ("mix", "mixture", "--mixture conf/mixtures/sinitic.yaml"),
    ],
)
def test_verbs_find_their_configurations_so(verb, option, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = cli.commands[verb].make_context(verb, words.split()).params[option]
    (path,) = found if isinstance(found, tuple) else (found,)
    assert path.is_relative_to(ROOT / "conf") and path.is_file()
