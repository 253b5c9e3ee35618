import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.config import compose
from fangyan.encoders.espnet_build import task_class
from fangyan.errors import DataError
from fangyan.files import ROOT
from fangyan.training.espnet_task import check
from fangyan.training.values import check_values


@pytest.fixture(scope="module")
def actions():
    return task_class().get_parser()._actions


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_epoch": 0}, "max_epoch: at least 1 is needed, got 0"),
        ({"max_epoch": -3}, "at least 1 is needed, got -3"),
        ({"max_epoch": "many"}, "max_epoch: a whole number is needed, got 'many'"),
        ({"max_epoch": 2.5}, "a whole number is needed, got 2.5"),
        ({"max_epoch": None}, "a whole number is needed, got None"),
        ({"patience": -1}, "patience: at least 0 is needed"),
        ({"patience": [1]}, r"a whole number or null is needed, got \[1\]"),
        ({"keep_nbest_models": 0}, "keep_nbest_models: at least 1 is needed, got 0"),
        ({"keep_nbest_models": [1, 0]}, "at least 1 is needed, got 0"),
        ({"keep_nbest_models": []}, r"at least one is needed, got \[\]"),
        ({"best_model_criterion": []}, "best_model_criterion: at least one is needed"),
        ({"best_model_criterion": None}, "a list of three like .*, got None"),
        ({"best_model_criterion": ["valid", "acc", "max"]}, "a list of three like .*, got 'valid'"),
        ({"best_model_criterion": "valid,acc,max"}, "a list of three like .*, got 'valid,acc,max'"),
        ({"early_stopping_criterion": ["valid", "acc"]}, "a list of 3 is needed"),
        ({"val_scheduler_criterion": "valid loss"}, "a list of 2 is needed, got 'valid loss'"),
        ({"batch_type": "foo"}, "batch_type: got 'foo': known are unsorted, sorted, "),
        ({"batch_bins": "25M"}, "batch_bins: a whole number is needed, got '25M'"),
        ({"batch_bins": 0}, "at least 1 is needed"),
        ({"num_iters_per_epoch": 0}, "at least 1 is needed"),
        ({"num_workers": -1}, "at least 0 is needed"),
        ({"accum_grad": 0}, "at least 1 is needed"),
        ({"grad_clip": 0}, "grad_clip: a number above 0 is needed, got 0"),
        ({"upsampling_factor": float("nan")}, "a number is needed, got nan"),
        ({"use_amp": "perhaps"}, "use_amp: true or false is needed, got 'perhaps'"),
        ({"use_amp": 3}, "true or false is needed, got 3"),
        ({"encoder_conf": None}, "encoder_conf: a mapping of names to values is needed, got None"),
        ({"max_cache_size": "10XB"}, "max_cache_size: .* got '10XB'"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused_with_what_it_takes(actions, settings, message):
    with pytest.raises(DataError, match=rf"^a\.yaml: .*{message}"):
        check_values(settings, actions, "a.yaml")


def test_what_espnet_reads_is_taken(actions):
    settings = {
        "keep_nbest_models": [1, 5],
        "best_model_criterion": [["valid", "acc", "max"], ["train", "loss", "min"]],
        "early_stopping_criterion": ["valid", "acc", "max"],
        "patience": None,
        "grad_clip": 5,
        "use_amp": True,
        "max_cache_size": "10MB",
        "fold_length": [80_000, 150],
        "chunk_length": "300-400",
        "specaug": None,
        "num_iters_per_epoch": None,
    }
    check_values(settings | {"keep_nbest_models": 3}, actions, "a.yaml")
    check_values(settings, actions, "a.yaml")


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


@given(st.data())
def test_any_value_of_any_key_is_taken_or_refused_in_a_sentence(actions, data):
    keys = st.sampled_from([action.dest for action in actions])
    settings = data.draw(st.dictionaries(keys, VALUES, max_size=3))
    try:
        check_values(settings, actions, "a.yaml")
    except DataError as error:
        assert str(error).startswith("a.yaml: ")


def test_a_class_that_this_espnet_lacks_is_told_with_file_and_key(tmp_path):
    for key, value in (("model", "aligned"), ("encoder", ["rnn"]), ("optim", 3), ("scheduler", "warm")):
        with pytest.raises(DataError, match=rf"^a\.yaml: unknown {key} .*known are "):
            check(compose(ROOT / "conf/train/whisper.yaml") | {key: value}, "a.yaml")
