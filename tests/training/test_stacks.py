"""An encoder run in parts gives what ESPnet's own forward gives, whatever its blocks and positions."""

from types import SimpleNamespace

import pytest
import torch
from espnet2.asr.encoder.conformer_encoder import ConformerEncoder
from espnet2.asr.encoder.e_branchformer_encoder import EBranchformerEncoder
from espnet2.asr.encoder.transformer_encoder import TransformerEncoder
from torch import nn, tensor

from fangyan.encoders.blocks import first_tensor
from fangyan.errors import DataError
from fangyan.training import stacks

SIZES = {"output_size": 16, "attention_heads": 2, "linear_units": 16, "num_blocks": 3}
RELATIVE = {
    "attention_layer_type": "rel_selfattn",
    "pos_enc_layer_type": "rel_pos",
    "rel_pos_type": "latest",
}
E_BRANCHFORMER = SIZES | {"cgmlp_linear_units": 16, "use_ffn": True, "macaron_ffn": True}
KINDS = {
    "transformer": (TransformerEncoder, SIZES),
    "linear": (TransformerEncoder, SIZES | {"input_layer": "linear"}),
    "post-norm": (TransformerEncoder, SIZES | {"normalize_before": False, "input_layer": "conv2d2"}),
    "conformer": (ConformerEncoder, SIZES | {"rel_pos_type": "latest"}),
    "e_branchformer": (EBranchformerEncoder, E_BRANCHFORMER | RELATIVE),
    "checkpoints": (
        EBranchformerEncoder,
        E_BRANCHFORMER | RELATIVE | {"gradient_checkpoint_layers": [1, 3]},
    ),
    "absolute": (
        EBranchformerEncoder,
        E_BRANCHFORMER | {"attention_layer_type": "selfattn", "pos_enc_layer_type": "scaled_abs_pos"},
    ),
}


@pytest.fixture(params=KINDS)
def encoder(request):
    torch.manual_seed(0)
    make, options = KINDS[request.param]
    return make(20, **options).eval()


def run(encoder, features, lengths, change=lambda frames: frames):
    """What the parts give in turn: after the input layer, the lower block, all blocks."""
    stream, masks = stacks.enter(encoder, features, lengths, change)
    heard = stacks.through(encoder, stream, masks, range(1))
    shared = stacks.through(encoder, heard, masks, range(1, 3))
    return masks, first_tensor(heard), stacks.leave(encoder, shared)


def test_its_parts_in_turn_are_the_whole(encoder):
    features, lengths = torch.randn(2, 60, 20), tensor([60, 41])
    expected, frames, _ = encoder(features, lengths)
    masks, _, found = run(encoder, features, lengths)
    assert torch.equal(stacks.frames_of(encoder, lengths), frames)
    assert masks[:, 0].sum(1).tolist() == frames.tolist()
    assert torch.allclose(found, expected, atol=1e-6)


def test_what_is_changed_is_changed_before_positions_and_everything_hears_it(encoder):
    features, lengths, seen = torch.randn(1, 60, 20), tensor([60]), []

    def silence(frames):
        seen.append(frames.shape)
        return torch.zeros_like(frames)

    _, one, silent = run(encoder, features, lengths, silence)
    _, other, _ = run(encoder, torch.randn(1, 60, 20), lengths, silence)
    assert seen == [(1, int(stacks.frames_of(encoder, lengths)), 16)] * 2
    assert torch.equal(one, other) and torch.isfinite(silent).all()
    assert not torch.equal(*run(encoder, features, lengths)[1:])


def test_frames_from_elsewhere_keep_their_size_and_get_positions(encoder):
    placed = stacks.placed(encoder, torch.ones(1, 4, 16))
    table = stacks.positions(encoder).pe
    added = 0 if isinstance(placed, tuple) else table[:, :4]
    assert torch.allclose(first_tensor(placed), 1 + torch.zeros(1, 4, 16) + added)


def test_blocks_are_dropped_in_training_alone():
    torch.manual_seed(0)
    encoder = EBranchformerEncoder(20, **E_BRANCHFORMER | RELATIVE, layer_drop_rate=1.0)
    stream, masks = stacks.enter(encoder, torch.randn(1, 60, 20), tensor([60]), lambda frames: frames)
    kept = first_tensor(stacks.through(encoder, stream, masks, range(3)))
    assert torch.equal(kept, first_tensor(stream))
    changed = first_tensor(stacks.through(encoder.eval(), stream, masks, range(3)))
    assert not torch.equal(changed, first_tensor(stream))


@pytest.mark.parametrize("embed", [None, nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))])
def test_an_encoder_without_positions_behind_its_input_layer_is_refused(embed):
    with pytest.raises(DataError, match="positions behind the input layer .* got SimpleNamespace"):
        stacks.check_split(SimpleNamespace(embed=embed, encoders=[1, 2]), 1)
