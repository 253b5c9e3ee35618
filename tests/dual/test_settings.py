import pytest

from fangyan.dual import settings
from fangyan.errors import DataError
from fangyan.files import ROOT

PRESETS = [*ROOT.glob("conf/train/dual*.yaml"), *ROOT.glob("egs2/*/dual1/conf/train/**/*.yaml")]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: str(path.relative_to(ROOT).with_suffix("")))
def test_a_preset_is_read(preset):
    assert settings.read(preset).pairs["speech_text"] == 1


def test_what_is_not_said_is_the_default(configure):
    found = settings.read(configure(pairs={"speech_text": 2, "text_text": 0.5}, lora={"rank": 4}))
    assert found.pairs == {"speech_text": 2.0, "text_text": 0.5}
    assert found.lora == {"rank": 4, "alpha": 32.0, "dropout": 0.0, "modules": ["q_proj", "v_proj"]}
    assert (found.pooling, found.pretrain_text, found.varieties) == ("last", None, [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"poling": "mean"}, "unknown key 'poling': did you mean 'pooling'?"),
        ({"pairs": {"speech_txt": 1}}, "pairs: unknown key 'speech_txt': did you mean 'speech_text'?"),
        ({"lora": {"rnk": 1}}, "lora: unknown key 'rnk'"),
        ({"pooling": "max"}, "pooling: got 'max': known are last, mean"),
        ({"new_rows": "centroid"}, "new_rows: got 'centroid': did you mean 'centroids'?"),
        ({"task": "asr"}, "task: got 'asr'"),
        ({"epochs": 0}, "epochs: a number from 1 up is needed, got 0"),
        ({"epochs": 1.5}, "epochs: a whole number is needed, got 1.5"),
        ({"epochs": True}, "epochs: a whole number is needed, got True"),
        ({"learning_rate": 0}, "learning_rate: a number above 0 is needed, got 0"),
        ({"learning_rate": "fast"}, "learning_rate: a number is needed, got 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate: a number above 0 is needed, got nan"),
        ({"drop_variety": 1.5}, "drop_variety: a number from 0 to 1 is needed, got 1.5"),
        ({"pairs": {"speech_text": -1}}, "pairs: speech_text: a number from 0 to 1000 is needed, got -1"),
        ({"pairs": {"speech_text": 0}}, "pairs: at least one has a weight above 0"),
        ({"pairs": {}}, "pairs: at least one has a weight above 0"),
        ({"pairs": ["speech_text"]}, "pairs: a mapping of names to values is needed"),
        ({"varieties": "cmn"}, "varieties: a list of words is needed, got 'cmn'"),
        ({"varieties": [1]}, r"varieties: a list of words is needed, got \[1\]"),
        ({"learn_scale": 1}, "learn_scale: true or false is needed, got 1"),
        ({"lora": {"rank": 0}}, "lora: rank: a number from 1 up is needed, got 0"),
        ({"lora": {"modules": "q_proj"}}, "lora: modules: a list of words is needed"),
        ({"lora": 8}, "lora: a mapping of names to values is needed, got 8"),
        ({"llm": 7}, "llm: a word is needed, got 7"),
        ({"llm": ""}, "llm: a Hub id, a folder, or random is needed"),
        ({"learning_rate": float("inf")}, "learning_rate: a number above 0 is needed, got inf"),
        ({"scale": float("inf")}, "scale: a number above 0 is needed, got inf"),
        ({"spread_out": float("inf")}, "spread_out: a number from 0 up is needed, got inf"),
        ({"pairs": {"speech_text": 1e300}}, "pairs: speech_text: a number from 0 to 1000 is needed"),
        ({"lora": {"modules": []}}, "lora: modules: at least one is needed"),
        ({"text_variety": ""}, "text_variety: a code as in utt2lang is needed, got ''"),
        ({"text_variety": "a b"}, "text_variety: a code as in utt2lang is needed, got 'a b'"),
        ({"text_variety": "speech"}, "text_variety: a code as in utt2lang is needed, got 'speech'"),
        ({"llm_conf": 7}, "llm_conf: a mapping of names to values is needed, got 7"),
        ({"hard_negatives": 0.2, "text_column": "text"}, "hard_negatives: they are made of Mandarin texts"),
        ({"pretrain_text": {"data": [], "epochs": 1}}, "pretrain_text: data: at least one is needed"),
    ],
)
def test_a_key_or_a_value_that_means_nothing_is_refused_by_name(configure, values, said):
    with pytest.raises(DataError, match=rf"dual.yaml: {said}"):
        settings.read(configure(**values))


def test_a_configuration_names_its_llm(tmp_path):
    (tmp_path / "a.yaml").write_text("epochs: 1\n")
    with pytest.raises(DataError, match="a.yaml: llm: a Hub id, a folder, or random is needed"):
        settings.read(tmp_path / "a.yaml")
