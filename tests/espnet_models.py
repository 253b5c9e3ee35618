"""Tiny ESPnet models with random weights: of every encoder class and option of ASR, and of every kind that is read."""

import re
from contextlib import chdir
from importlib.util import find_spec
from itertools import product
from pathlib import Path

FRONT_END = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 80}
STACK = {"output_size": 16, "attention_heads": 2, "num_blocks": 2}
BRANCHES = STACK | {"cgmlp_linear_units": 16, "cgmlp_conv_kernel": 5}
LINEAR = STACK | {"linear_units": 16}
MULTI = {"cgmlp_linear_units": 32, "multicgmlp_kernel_sizes": "3,5", "multicgmlp_merge_conv_kernel": 5}
POSITIONWISE = [{"positionwise_layer_type": name} for name in ("conv1d", "conv1d-linear")]
ABSOLUTE = {"pos_enc_layer_type": "abs_pos", "selfattention_layer_type": "selfattn"}

TINY = {
    "conformer": (
        LINEAR | {"cnn_module_kernel": 5},
        [
            *({"positionwise_conv_kernel_size": 5, "macaron_style": True} | kind for kind in POSITIONWISE),
            {"rel_pos_type": "latest", "zero_triu": True},
            {"use_cnn_module": False, "normalize_before": False},
            ABSOLUTE | {"qk_norm": True},
            ABSOLUTE | {"use_sdpa": True},
        ],
    ),
    "transformer": (
        LINEAR,
        [
            *({"positionwise_conv_kernel_size": 5} | kind for kind in POSITIONWISE),
            {"input_layer": None, "normalize_before": False},
            {"qk_norm": True},
            {"use_sdpa": True},
        ],
    ),
    "branchformer": (
        BRANCHES,
        [
            *({"merge_method": name} for name in ("concat", "learned_ave", "fixed_ave")),
            {"use_attn": False},
            {"use_cgmlp": False},
        ],
    ),
    "e_branchformer": (
        BRANCHES | {"linear_units": 16},
        [
            {"use_ffn": True, "macaron_ffn": True},
            {"use_linear_after_conv": True, "merge_conv_kernel": 7},
            {"zero_triu": True},
        ],
    ),
    "multiconv_conformer": (
        LINEAR | MULTI,
        [{"multicgmlp_type": name} for name in ("sum", "weighted_sum", "concat", "concat_fusion")],
    ),
}
"""Class of encoder that can be looked into -> values of its configuration, and further ones of which each counts."""

REFUSED = {
    "contextual_block_conformer": ({"input_layer": "conv2d"}, "do not give each frame a vector"),
    "contextual_block_transformer": ({"input_layer": "conv2d"}, "do not give each frame a vector"),
    "transformer_multispkr": ({}, "do not give each frame a vector"),
    "rnn": ({"num_layers": 1, "hidden_size": 8}, "no embed and encoders"),
    "vgg_rnn": ({"num_layers": 1, "hidden_size": 8}, "no embed and encoders"),
    "beats": ({"beats_config": {"encoder_layers": 1}}, "no embed and encoders"),
    "torchaudiohubert": ({"encoder_num_layers": 1}, "no embed and encoders"),
}
"""Class of encoder that is not -> values of its configuration, and what is said."""

FOREIGN = ("avhubert", "hubert", "hubert_pretrain", "longformer", "wav2vec2", "whisper")
"""Those that ESPnet cannot build without packages it does not install."""


def settings(encoder: str, values: dict, **others) -> dict:
    """What a config.yaml of ESPnet says of a model without a decoder."""
    return {
        "input_size": None,
        "init": None,
        "token_list": ["<blank>", "<unk>", "a", "<sos/eos>"],
        "frontend": "default",
        "frontend_conf": FRONT_END,
        "specaug": None,
        "normalize": "utterance_mvn",
        "normalize_conf": {"norm_vars": True},
        "encoder": encoder,
        "encoder_conf": values,
        "decoder": None,
        "ctc_conf": {},
        "model": "espnet",
        "model_conf": {"ctc_weight": 1.0},
        **others,
    }


def configurations(encoder: str) -> list[dict]:
    """Values of ``encoder_conf``: every input layer, every combination of positions and attention, the further ones.

    Some combinations are such as ESPnet refuses. The names are read from the source of its class.
    """
    base, others = TINY[encoder]
    attention = "attention_layer_type" if "branchformer" in encoder else "selfattention_layer_type"
    inputs = [{"input_layer": name} for name in options(encoder, "input_layer") if name not in NO_SPEECH]
    kinds = [options(encoder, name) for name in ("pos_enc_layer_type", attention, "rel_pos_type")]
    if kinds[1]:
        names = ("pos_enc_layer_type", attention, "rel_pos_type")
        positions = [dict(zip(names, values, strict=True)) for values in product(*kinds)]
    else:
        positions = [{"pos_enc_layer_type": name} for name in kinds[0]]
    return [base | more for more in (*inputs, *positions, *others)]


NO_SPEECH = ("embed", "wav2vec")
"""Input layers for tokens, and for features as wide as the blocks."""


def options(encoder: str, name: str) -> list[str]:
    """The strings that ESPnet's source of an encoder compares the parameter ``name`` with."""
    home = Path(find_spec("espnet2").submodule_search_locations[0]) / "asr" / "encoder"
    source = (home / f"{encoder.replace('conv_conformer', 'convformer')}_encoder.py").read_text(
        encoding="utf-8"
    )
    return sorted(set(re.findall(rf'\b{name} == "([\w-]+)"', source)))


def random_model(described: dict):
    """The model, with weights far from what ESPnet starts from."""
    from fangyan.encoders.espnet_build import build

    return spoil(build(described, Path("config.yaml")))


def spoil(model):
    """The model, its weights moved: where ESPnet starts, biases of 0 hide mistakes."""
    import torch

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
        for norm in model.modules():
            if isinstance(norm, torch.nn.BatchNorm1d):
                norm.running_mean.normal_()
    return model


def experiment(described: dict, folder: Path) -> Path:
    """A folder with a trained model, as ESPnet leaves it: ``config.yaml`` and the averaged checkpoint."""
    import torch
    import yaml

    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(described))
    torch.save(random_model(described).state_dict(), folder / "valid.acc.ave.pth")
    return folder


TOKENS = ["<blank>", "<unk>", "a", "<na>", "<nolang>", "<zho>", "<asr>", "<sop>", "<sos>", "<eos>"]
S2T = {"frontend_conf": FRONT_END, "token_list": TOKENS, "encoder_conf": BRANCHES | {"linear_units": 16}}
S2T["encoder_conf"] |= {"interctc_layer_idx": [1], "interctc_use_conditioning": True}
S2T |= {"encoder": "e_branchformer", "normalize": "global_mvn"}
DECODER = {"attention_heads": 2, "linear_units": 16, "num_blocks": 1}
WAVES = {"norm_mode": "layer_norm", "conv_mode": "standard", "bias": True, "normalize_audio": True}
WAVES |= {"shapes": [[8, 10, 5], *[[8, 3, 2]] * 4, *[[8, 2, 2]] * 2]}
NO_POSITIONS = {"input_layer": None, "pos_enc_layer_type": "conv", "attention_layer_type": "selfattn"}

KINDS = {
    "s2t": (
        "espnet2.tasks.s2t:S2TTask",
        S2T
        | {
            "decoder": "transformer",
            "decoder_conf": DECODER,
            "model_conf": {"ctc_weight": 0.3, "sym_na": "<na>"},
        },
    ),
    "s2t_ctc": (
        "espnet2.tasks.s2t_ctc:S2TTask",
        S2T
        | {
            "encoder": "e_branchformer_ctc",
            "encoder_conf": S2T["encoder_conf"]
            | {"input_layer": "conv2d8", "use_cross_attention": [False, True]},
            "promptencoder": "transformer",
            "promptencoder_conf": LINEAR | {"output_size": 8, "num_blocks": 1},
        },
    ),
    "ssl": (
        "espnet2.tasks.ssl:SSLTask",
        {
            "token_list": TOKENS,
            "frontend": "wav2vec_cnn",
            "frontend_conf": WAVES,
            "normalize": None,
            "preencoder": "linear",
            "preencoder_conf": {"output_size": 16},
            "encoder": "e_branchformer",
            "encoder_conf": BRANCHES
            | NO_POSITIONS
            | {"linear_units": 16, "use_ffn": True, "macaron_ffn": True},
            "loss": [{"name": "hubert", "conf": {"num_classes": 4, "final_dim": 8}}],
            "util": [{"name": "mask", "conf": {}}],
        },
    ),
}
"""Kind of model that is read beside ASR -> ESPnet's task, and what a configuration says beyond the task's defaults."""
RATES = {"s2t": 25, "s2t_ctc": 12.5, "ssl": 50}


def kind_model(kind: str, others: dict) -> tuple:
    """ESPnet's own model of that kind, and its configuration: with ``others`` in it, mappings merged."""
    from argparse import Namespace
    from importlib.metadata import EntryPoint

    task, values = KINDS[kind]
    task = EntryPoint(kind, task, "espnet2").load()
    described = task.get_default_config() | values
    for key, value in others.items():
        described[key] = described[key] | value if isinstance(value, dict) else value
    return spoil(task.build_model(Namespace(**described))).eval(), described


def build_kind(kind: str, folder: Path):
    """ESPnet's own model of that kind; in ``folder`` its exp/config.yaml, checkpoint and statistics, as ESPnet has."""
    import numpy as np
    import torch
    import yaml

    exp, stats = folder / "exp" / kind, folder / "exp" / "stats" / "train" / "feats_stats.npz"
    for home in (exp, stats.parent):
        home.mkdir(parents=True)
    others = {}
    if KINDS[kind][1]["normalize"] == "global_mvn":
        moments = np.random.default_rng(0).uniform(1, 2, (2, 80))
        np.savez(stats, count=4, sum=-9 * moments[0], sum_square=100 * moments[1])
        others["normalize_conf"] = {"stats_file": str(stats.relative_to(folder))}
    with chdir(folder):
        model, described = kind_model(kind, others)
    (exp / "config.yaml").write_text(yaml.safe_dump(described))
    torch.save(model.state_dict(), exp / "valid.acc.ave.pth")
    return model


def pack_kind(kind: str, folder: Path) -> Path:
    """The zip that ESPnet's own pack makes of the model in ``folder``."""
    from espnet2.main_funcs.pack_funcs import pack

    name, stats = kind.removesuffix("_ctc"), Path("exp/stats/train/feats_stats.npz")
    with chdir(folder):
        pack(
            files={f"{name}_model_file": f"exp/{kind}/valid.acc.ave.pth"},
            yaml_files={f"{name}_train_config": f"exp/{kind}/config.yaml"},
            option=[stats] if stats.exists() else [],
            outpath="model.zip",
        )
    return folder / "model.zip"
