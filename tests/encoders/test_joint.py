"""A space of utterances and texts: pooling by hand, padding, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from fangyan.encoders.joint import JointSpace
from fangyan.errors import DataError

LAYERS = ("layer00", "layer01", "norm")


def space(**options) -> JointSpace:
    torch.manual_seed(0)
    return JointSpace(2, LAYERS, 2, **options).requires_grad_(False)


def plain(made: JointSpace) -> JointSpace:
    """One whose projection changes nothing."""
    made.project = nn.Identity()
    return made


def given(*layers):
    return [torch.tensor([layer], dtype=torch.float32) for layer in layers]


def test_the_mean_of_the_last_layer_is_pooled_by_default():
    layers = given([[9.0, 9.0]] * 2, [[9.0, 9.0]] * 2, [[3.0, 0.0], [3.0, 8.0]])
    assert plain(space())(layers, torch.tensor([2]))[0].tolist() == pytest.approx([0.6, 0.8])  # of (3, 4)
    assert plain(space())(layers, torch.tensor([1]))[0].tolist() == [1.0, 0.0]  # the second frame is padding


def test_a_layer_by_name_or_all_weighed():
    layers = given([[1.0, 3.0]], [[0.0, 5.0]], [[7.0, 0.0]])
    assert plain(space(layer="layer01"))(layers, torch.tensor([1]))[0].tolist() == [0.0, 1.0]
    # Normalised each is (-1, 1), (-1, 1), (1, -1), weighed alike at first: (-1/3, 1/3).
    weighted = plain(space(layer="weighted"))
    assert weighted(layers, torch.tensor([1]))[0].tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5], abs=1e-4)
    weighted.mix[2] = 50.0
    assert weighted(layers, torch.tensor([1]))[0].tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)], abs=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
@pytest.mark.parametrize("layer", ["", "layer00", "weighted"])
def test_an_utterance_is_the_same_alone_and_in_a_batch(pooling, layer):
    made = space(pooling=pooling, layer=layer)
    batch = [torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    lengths = [6, 2, 4]
    together = made(batch, torch.tensor(lengths))
    utterances = [[one[n, :length].numpy() for n, length in enumerate(lengths)] for one in batch]
    alone = np.concatenate(made.of_each(utterances))
    assert together.numpy() == pytest.approx(alone, abs=1e-6)
    assert np.linalg.norm(alone, axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_attention_finds_the_frame_that_it_is_to_find():
    made = plain(space(pooling="attention"))
    made.attend = nn.Linear(2, 1, bias=False)
    made.attend.weight = nn.Parameter(torch.tensor([[100.0, 0.0]]), requires_grad=False)
    layers = given([[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0], [0.0, 9.0], [0.0, 7.0]])
    assert made(layers, torch.tensor([3]))[0].tolist() == pytest.approx([0.5**0.5] * 2)


def test_texts_are_centred_and_normalised():
    made = space()
    made.centre[:] = torch.tensor([1.0, 1.0])
    assert made.texts(torch.tensor([[4.0, 5.0]]))[0].tolist() == pytest.approx([0.6, 0.8])


def test_what_of_texts_varies_little_counts_as_much_where_they_are_whitened():
    made = space(whiten=True)
    made.centre[:] = torch.tensor([1.0, 1.0])
    assert made.texts(torch.tensor([[4.0, 5.0]]))[0].tolist() == pytest.approx(
        [0.6, 0.8]
    )  # by none before training
    made.whitening[:] = torch.tensor([[1.0, 0.0], [0.0, 0.25]])
    assert made.texts(torch.tensor([[4.0, 17.0]]))[0].tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "attn"}, r"pooling 'attn': .*attention"),
        ({"layer": "layer07"}, r"layer 'layer07': .*layer00"),
    ],
)
def test_what_nobody_knows_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        space(**options)
