from inspect import signature
from types import SimpleNamespace

import pytest

from fangyan.errors import DataError
from fangyan.files import ROOT
from fangyan.recognition import decode_conf

NOT_SETTINGS = {
    *("asr_train_config", "asr_model_file"),
}


def written(folder, text):
    (folder / "c.yaml").write_text(text)
    return folder / "c.yaml"


def test_every_setting_of_espnet_is_honoured_or_none_on_purpose():
    from espnet2.bin.asr_inference import Speech2Text

    assert (
        set(signature(Speech2Text.__init__).parameters) - {"self"} == decode_conf.RULES.keys() | NOT_SETTINGS
    )
    assert not decode_conf.RULES.keys() & NOT_SETTINGS


@pytest.mark.parametrize(
    "text",
    [
        *(
            "beam_size: 0",
            "beam_size: -1",
            "beam_size: 5.0",
            "beam_size: '5'",
            "beam_size: true",
            "beam_size:",
        ),
        *("ctc_weight: 1.5", "ctc_weight: -0.1", "ctc_weight: .nan", "ctc_weight: half"),
        *("maxlenratio: -0.5", "maxlenratio: .inf", "minlenratio: [1]", "penalty: .inf", "penalty: a"),
        *("nbest: 3", "nbest: 0", "batch_size: 4", "normalize_length: 1", "ctc_window_margin: -1"),
        *("device: gpu", "device: 0", "device: 'cuda:'", "dtype: int8", "dtype: 32"),
        *("lm_file: nowhere.pth", "lm_train_config: .", "lm_file: 3", "ngram_file: nowhere", "ngram_file:"),
        *("ngram_scorer: half", "transducer_conf: tsd", "quantize_modules: Linear", "quantize_dtype: int8"),
        *("multi_asr: true", "enh_s2t_task: true", "token_type: 3", "hugging_face_decoder_conf: 3"),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused_by_file_and_key(text, tmp_path):
    key = text.partition(":")[0]
    with pytest.raises(DataError, match=rf"c\.yaml: {key} is .*, got "):
        decode_conf.read(written(tmp_path, text))


def test_what_does_nothing_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"c\.yaml: lm_weight does nothing without lm_file"):
        decode_conf.read(written(tmp_path, "lm_weight: 0.5"))
    with pytest.raises(
        DataError, match=r"c\.yaml: hugging_face_decoder_conf does nothing without hugging_face_"
    ):
        decode_conf.read(written(tmp_path, "hugging_face_decoder_conf: {num_beams: 2}"))
    assert decode_conf.read(written(tmp_path, "lm_weight: 0")) == {"lm_weight": 0}


def test_the_settings_that_come_along_are_good():
    for path in [*ROOT.glob("conf/decode*.yaml"), *ROOT.glob("egs2/*/*/conf/decode*.yaml")]:
        assert decode_conf.read(path)["beam_size"] >= 1


@pytest.mark.parametrize(
    ("settings", "model", "message"),
    [
        ({"beam_size": 4}, {}, "beam_size is at most 3, the tokens of this model, got 4"),
        ({}, {}, "beam_size is at most 3, the tokens of this model, got 20"),
        ({"beam_size": 2}, {"ctc": None}, "ctc_weight is 0 for this model, which was trained without CTC"),
        (
            {"beam_size": 2},
            {"decoder": None},
            "ctc_weight is 1 for this model, which has no decoder, got 0.5",
        ),
        ({"beam_size": 2, "transducer_conf": {}}, {}, "transducer_conf is for transducers"),
        ({"beam_size": 3, "ctc_weight": 0}, {"ctc": None}, ""),
        ({"beam_size": 3, "ctc_weight": 1.0}, {"decoder": None}, ""),
    ],
)
def test_settings_fit_the_model(settings, model, message):
    parts = {"ctc": 1, "decoder": 1, "token_list": "abc", "use_transducer_decoder": False} | model
    if not message:
        decode_conf.check_model(settings, SimpleNamespace(**parts), "c.yaml")
        return
    with pytest.raises(DataError, match=f"c.yaml: {message}"):
        decode_conf.check_model(settings, SimpleNamespace(**parts), "c.yaml")


def test_a_gpu_that_is_not_here_is_refused():
    with pytest.raises(DataError, match="c.yaml: device is one that is here, .* got 'cuda:99'"):
        decode_conf.check_device({"device": "cuda:99"}, "c.yaml")
