import espnet_models
import pytest
import torch
import yaml

from fangyan.encoders import load_encoder
from fangyan.errors import DataError, UserError

CONFORMER = espnet_models.settings("conformer", espnet_models.TINY["conformer"][0])


def described(folder, **values):
    """An experiment in ``folder`` whose configuration has these values ("missing": lacks the key), without weights."""
    settings = {key: value for key, value in (CONFORMER | values).items() if value != "missing"}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "valid.acc.ave.pth").touch()
    return f"espnet:{folder}"


def conf(part: str, **values) -> dict:
    return {part: CONFORMER[part] | values}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "aligned"}, r"unknown model 'aligned': known are espnet, maskctc, pit_espnet$"),
        ({"encoder": "fork"}, "unknown encoder 'fork': known are .*conformer, .*hf_whisper"),
        ({"encoder": ["conformer"]}, "unknown encoder .'conformer'.: did you mean 'conformer'"),
        ({"frontend": "fork"}, "unknown frontend 'fork': known are default"),
        ({"decoder": "fork"}, "unknown decoder 'fork': known are"),
        (
            conf("encoder_conf", num_blokcs=3),
            "encoder_conf: unknown key 'num_blokcs': did you mean 'num_blocks'",
        ),
        (conf("model_conf", align=1), "model_conf: unknown key 'align': known are .*ctc_weight"),
        ({"frontend_conf": [1]}, r"frontend_conf is a mapping of names to values, got \[1\]"),
        ({"normalize": "global_mvn", "normalize_conf": [1]}, "normalize_conf is a mapping"),
        (conf("encoder_conf", output_size="big"), "builds no model of it: .*output_size"),
        (conf("encoder_conf", attention_heads=3), "builds no model of it: AssertionError: assert .*n_feat"),
        (conf("encoder_conf", num_blocks=None), "builds no model of it: .*num_blocks"),
        ({"token_list": "missing"}, "builds no model of it: token_list is missing"),
        ({"token_list": "/no/tokens.txt"}, "builds no model of it: .*/no/tokens.txt"),
        ({"encoder_conf": "missing"}, "builds no model of it: encoder_conf is missing"),
        ({"encoder_conf": None}, "builds no model of it: TypeError: .*must be a mapping"),
        ({"encoder": "avhubert", "encoder_conf": {}}, "builds no model of it: .*fairseq"),
        ({"normalize": "global_mvn", "normalize_conf": {}}, "builds no model of it: .*stats_file"),
        (
            {"best_model_criterion": "valid"},
            "best_model_criterion is a list of .valid, acc, max.*got 'valid'",
        ),
        ({"best_model_criterion": []}, "best_model_criterion is a list"),
    ],
)
def test_a_configuration_of_which_no_model_can_be_built_is_refused_with_its_file(tmp_path, values, message):
    with pytest.raises(DataError, match=message) as refused:
        load_encoder(described(tmp_path, **values), "cpu")
    assert str(refused.value).startswith(f"{tmp_path / 'config.yaml'}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", ["- a\n", "hello\n", "a: [\n", "a: 2020-13-45\n", "a: \0\n", "a: !!python/name:os.x\n"]
)
def test_a_configuration_that_is_no_mapping_of_plain_values_is_refused(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    rule = "must be (YAML of plain values|a mapping of names|text, got a NUL)"
    with pytest.raises(DataError, match=rf"config\.yaml:?\d*: {rule}"):
        load_encoder(f"espnet:{tmp_path}", "cpu")


@pytest.mark.parametrize(
    "weights", [b"", b"hello", b"\x80\x02}q\x00.", {1: torch.ones(1)}, torch.ones(1), [1]]
)
def test_weights_that_are_none_are_refused(tmp_path, weights):
    spec, file = described(tmp_path), tmp_path / "valid.acc.ave.pth"
    file.write_bytes(weights) if isinstance(weights, bytes) else torch.save(weights, file)
    with pytest.raises(
        DataError, match=r"valid\.acc\.ave\.pth: (not a whole checkpoint|its keys do not match)"
    ):
        load_encoder(spec, "cpu")


def test_a_model_that_is_built_but_cannot_run_is_refused(tmp_path):
    values = {"frontend_conf": espnet_models.FRONT_END | {"hop_length": 0}}
    folder = espnet_models.experiment(CONFORMER | values, tmp_path / "exp")
    with pytest.raises(UserError, match=f"^{folder}: its ConformerEncoder does not encode speech: "):
        load_encoder(f"espnet:{folder}", "cpu")
