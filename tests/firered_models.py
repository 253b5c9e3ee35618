"""Tiny FireRedASR models with random weights, in the form of the published ones."""

from argparse import Namespace
from pathlib import Path

HEADS, WIDTH, CHANNELS, KERNEL, BLOCKS, POSITIONS = 2, 8, 3, 5, 2, 120
FLAT = CHANNELS * 19  # of 80 bands the two convolutions leave 39 and 19


def shapes() -> dict[str, tuple[int, ...]]:
    """Name of a tensor -> its shape, as FireRedASR's own network has them; of the decoder, one."""
    d, found = WIDTH, {"decoder.tgt_word_emb.weight": (7, WIDTH)}
    norms, linear = [], {"input_preprocessor.out.bias": (d,), "input_preprocessor.out.weight": (d, FLAT)}
    for n, wide in ((0, 1), (2, CHANNELS)):
        linear[f"input_preprocessor.conv.{n}.weight"] = (CHANNELS, wide, 3, 3)
        linear[f"input_preprocessor.conv.{n}.bias"] = (CHANNELS,)
    for n in range(BLOCKS):
        home = f"layer_stack.{n}"
        norms += [
            (f"{home}.{name}", d)
            for name in ("ffn1.net.0", "ffn2.net.0", "layer_norm", "conv.pre_layer_norm")
        ]
        norms += [(f"{home}.mhsa.layer_norm_{name}", d) for name in "qkv"]
        norms += [(f"{home}.conv.batch_norm", 2 * d)]
        for half in ("ffn1", "ffn2"):
            linear |= {f"{home}.{half}.net.1.weight": (4 * d, d), f"{home}.{half}.net.1.bias": (4 * d,)}
            linear |= {f"{home}.{half}.net.4.weight": (d, 4 * d), f"{home}.{half}.net.4.bias": (d,)}
        linear |= {
            f"{home}.mhsa.{name}.weight": (d, d) for name in ("w_qs", "w_ks", "w_vs", "fc", "linear_pos")
        }
        linear |= {f"{home}.mhsa.pos_bias_{name}": (HEADS, d // HEADS) for name in "uv"}
        linear |= {f"{home}.conv.pointwise_conv1.weight": (4 * d, d, 1)}
        linear |= {f"{home}.conv.depthwise_conv.weight": (2 * d, 1, KERNEL)}
        linear |= {f"{home}.conv.pointwise_conv2.weight": (d, 2 * d, 1)}
    linear |= {f"{name}.{part}": (size,) for name, size in norms for part in ("weight", "bias")}
    return found | {f"encoder.{name}": shape for name, shape in linear.items()}


def positions():
    """(1, 2 POSITIONS - 1, d): sines and cosines of the distances POSITIONS - 1 ... 1 - POSITIONS."""
    import torch

    distance = torch.arange(POSITIONS - 1, -POSITIONS, -1.0)[:, None]
    speed = torch.exp(torch.arange(0, WIDTH, 2.0) * -(torch.log(torch.tensor(10_000.0)) / WIDTH))
    table = torch.zeros(len(distance), WIDTH)
    table[:, 0::2], table[:, 1::2] = torch.sin(distance * speed), torch.cos(distance * speed)
    return table[None]


def build(folder: Path, name: str = "model.pth.tar") -> Path:
    """A model in ``folder``: the checkpoint ``name`` and cmvn.ark."""
    import kaldiio
    import numpy as np
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    make = torch.Generator().manual_seed(1)
    weights = {key: torch.randn(shape, generator=make) * 0.4 for key, shape in shapes().items()}
    weights["encoder.positional_encoding.pe"] = positions()
    settings = Namespace(
        idim=80, n_layers_enc=BLOCKS, n_head=HEADS, d_model=WIDTH, kernel_size=KERNEL, lr=0.1
    )
    torch.save({"args": settings, "model_state_dict": weights, "epoch": 3}, folder / name)
    mean = np.random.default_rng(0).uniform(5, 15, 80)
    sums = [[*(4 * mean), 4], [*(4 * (mean**2 + 9)), 0]]  # four frames with a standard deviation of 3
    kaldiio.save_mat(f"{folder / 'cmvn.ark'}", np.array(sums, np.float64))
    return folder
