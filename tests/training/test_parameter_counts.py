import pytest
from repository import presets

from fangyan.errors import DataError
from fangyan.files import ROOT
from fangyan.training.parameter_counts import count_parameters, parameter_table

CONFIGURATIONS = presets("conf/train/*.yaml")

AT_50 = ("whisper", "pretrain_base", "pretrain_large", "finetune")


def whisper_encoder(bands, width, blocks):
    """By hand: two convolutions, positions, and blocks of attention (no bias for keys), feed-forward and norms."""
    front = 3 * bands * width + width + 3 * width**2 + width + 1500 * width
    block = 4 * width**2 + 3 * width + 8 * width**2 + 5 * width + 4 * width
    return front + blocks * block + 2 * width


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: p.stem)
def test_every_configuration_is_built_and_has_its_frame_rate(path):
    row = count_parameters(path, 100)
    joint = row["total"] - (row["encoder"] + row["decoder"] + row["CTC"])
    assert joint > 0 if path.stem.startswith(("align", "pretrain")) else joint == 0
    assert row["frames/s"] == (50 if any(part in path.stem for part in AT_50) else 25)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("tiny", (80, 384, 4)),
        ("small", (80, 768, 12)),
        ("medium", (80, 1024, 24)),
        ("large_v3", (128, 1280, 32)),
    ],
)
def test_whisper_has_its_published_sizes(name, sizes):
    assert count_parameters(ROOT / f"conf/train/whisper_{name}.yaml", 100)["encoder"] == whisper_encoder(
        *sizes
    )


@pytest.mark.parametrize(
    ("name", "vocabulary", "published"),
    [("base", 4_233, 37.88), ("base", 5_000, 38.47), ("large", 5_000, 148.92)],
)
def test_e_branchformer_has_the_parameters_that_espnet_published(name, vocabulary, published):
    # egs2/aishell/asr1 and egs2/librispeech_100/asr1, README.md; egs2/librispeech/asr1, RESULTS.md
    total = count_parameters(ROOT / f"conf/train/e_branchformer_{name}.yaml", vocabulary)["total"]
    assert round(total / 1e6, 2) == published


def test_adapters_add_two_matrices_to_each_target():
    plain, lora = (
        count_parameters(ROOT / f"conf/train/whisper_large_v3{x}.yaml", 100)["encoder"] for x in ("", "_lora")
    )
    assert lora - plain == 32 * 2 * (2 * 16 * 1280)


def test_a_table_for_people():
    row = {
        "configuration": "a",
        "encoder": 1_234_567,
        "decoder": 0,
        "CTC": 5_000,
        "total": 1_239_567,
        "frames/s": 25.0,
    }
    assert parameter_table([row]).splitlines()[-1] == "| a | 1.23 M | 0.00 M | 0.01 M | 1.24 M | 25 |"


def test_an_unknown_key_is_refused(tmp_path):
    (tmp_path / "bad.yaml").write_text(
        f"include: {ROOT}/conf/train/whisper.yaml\nencoder_conf: {{lorra: 1}}\n"
    )
    with pytest.raises(DataError, match=r"encoder_conf: unknown key 'lorra': did you mean 'lora'"):
        count_parameters(tmp_path / "bad.yaml", 100)
