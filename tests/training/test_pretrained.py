"""The model of the task pretrain: its loss against one put together by hand, and what each part of it hears."""

import pytest
import torch
from torch import tensor
from torch.nn.functional import cross_entropy, ctc_loss, log_softmax, normalize

from fangyan.encoders.blocks import first_tensor
from fangyan.errors import DataError
from fangyan.files import ROOT
from fangyan.training import stacks
from fangyan.training.espnet_task import sketch
from fangyan.training.masking import at_frames, spans
from fangyan.training.pretrained import Pretrained

TOKENS = ["<blank>", "<unk>", "我", "你", "<sos/eos>"]
CONFIG = """\
include: {base}
task: pretrain
model: pretrained
decoder: null
encoder: {encoder}
encoder_conf: {{num_blocks: 2, output_size: 16, attention_heads: 2, linear_units: 16}}
model_conf: {{units: 6, label_rate: 50, speech_layers: 1, mask_length: 4, projection: 8}}
"""
WAVES = """\
frontend: wav2vec_cnn
frontend_conf: {norm_mode: layer_norm, conv_mode: standard, bias: true, shapes: [[4, 400, 320]]}
specaug: null
normalize: null
"""
SAMPLES = tensor([16000, 12000])


@pytest.fixture(scope="module", params=["e_branchformer", "transformer"])
def model(request, tmp_path_factory):
    config = tmp_path_factory.mktemp("model") / "a.yaml"
    config.write_text(CONFIG.format(base=ROOT / "conf/train/e_branchformer.yaml", encoder=request.param))
    torch.manual_seed(0)
    made = sketch(config, TOKENS, "cpu").eval()
    for part in made.modules():  # nothing by chance but masks
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return made


@pytest.fixture(scope="module")
def batch():
    chance = torch.Generator().manual_seed(1)
    speech = 0.1 * torch.randn(2, 16000, generator=chance)
    units = torch.randint(6, (2, 50), generator=chance)
    units[1, 37:] = -1
    text_units = torch.randint(6, (3, 40), generator=chance)
    return {
        "speech": speech,
        "speech_lengths": SAMPLES,
        "units": units,
        "units_lengths": tensor([50, 37]),
        "text_units": text_units,
        "text_units_lengths": tensor([40, 30, 20]),
        "text": tensor([[2, 3, 2], [3, 2, -1], [2, -1, -1]]),
        "text_lengths": tensor([3, 2, 1]),
    }


def fixed():
    return torch.Generator().manual_seed(0)


def slow_speech(model, batch):
    """Cross entropies at both stacks, frame by frame."""
    encoder = model.encoder
    features, lengths = model._extract_feats(batch["speech"], batch["speech_lengths"])
    frames = stacks.frames_of(encoder, lengths)
    targets = at_frames(batch["units"], batch["units_lengths"], frames, 2.0)
    masked = spans(frames, 0.8, 4, random=fixed())

    def mask(given):
        changed = given.clone()
        for b, t in masked.nonzero().tolist():
            changed[b, t] = model.speech_mask
        return changed

    stream, masks = stacks.enter(encoder, features, lengths, mask)
    heard = stacks.through(encoder, stream, masks, range(1))
    shared = stacks.leave(encoder, stacks.through(encoder, heard, masks, range(1, 2)))
    costs = {"speech": [], "shared": []}
    for name, output in (("speech", first_tensor(heard)), ("shared", shared)):
        for b, t in masked.nonzero().tolist():
            projected = normalize(model.heads.projections[name](output[b, t]), dim=0)
            logits = normalize(model.heads.vectors, dim=1) @ projected / 0.1
            costs[name].append(cross_entropy(logits[None], targets[b, t][None]))
    told = {name: torch.stack(found).mean() for name, found in costs.items()}
    return told["speech"], told["shared"], int(masked.sum())


def slow_text(model, batch):
    """CTC's loss a character, text by text."""
    total = 0.0
    lengths = (batch["text_units_lengths"] / 2).long()
    masked = spans(lengths, 0.8, 4, random=fixed())
    for b, n in enumerate(lengths.tolist()):
        chosen = batch["text_units"][b, 1 : 2 * n : 2]
        given = model.embedding_norm(model.embedding(chosen))
        given[masked[b, :n]] = model.text_mask
        stream = stacks.placed(model.encoder, given[None])
        masks = torch.ones(1, 1, n, dtype=torch.bool)
        found = stacks.leave(model.encoder, stacks.through(model.encoder, stream, masks, range(1, 2)))
        scores = log_softmax(model.ctc.ctc_lo(found), -1).transpose(0, 1)
        text = batch["text"][b : b + 1, : batch["text_lengths"][b]]
        total += ctc_loss(scores, text, tensor([n]), batch["text_lengths"][b : b + 1], reduction="sum")
    return total / batch["text_lengths"].sum()


def test_the_loss_is_its_parts_by_hand(model, batch):
    with torch.no_grad():
        loss, told, count = model(**batch)
        speech, shared, masked = slow_speech(model, batch)
        ctc = slow_text(model, batch) if type(model.encoder).__name__ == "TransformerEncoder" else None
    assert told["loss_speech"].item() == pytest.approx(speech.item(), rel=1e-4)
    assert told["loss_shared"].item() == pytest.approx(shared.item(), rel=1e-4)
    assert count.item() == masked
    if ctc is not None:  # of convolutions padding is heard, so that text by text is another thing
        assert told["loss_ctc_text"].item() == pytest.approx(ctc.item(), rel=1e-4)
    parts = told["loss_speech"] + told["loss_shared"]
    assert "loss_features" not in told  # log mel energies are not learnt
    assert loss.item() == pytest.approx((parts + 0.1 * told["loss_ctc_text"]).item(), rel=1e-5)
    assert told["cer_text"] >= 0


def test_texts_as_units_give_the_layers_from_the_shared_stack_on(model, batch):
    with torch.no_grad():
        layers, frames = model.of_units(batch["text_units"], batch["text_units_lengths"])
        assert frames.tolist() == [20, 15, 10]
        entering, left, norm = (layer[0] for layer in layers)
        chosen = batch["text_units"][
            :1, 1::2
        ]  # 50 units a second, 25 frames: the second of two is in the middle
        stream = stacks.placed(model.encoder, model.embedding_norm(model.embedding(chosen)))
        assert torch.equal(entering, first_tensor(stream)[0])
        stream = stacks.through(model.encoder, stream, torch.ones(1, 1, 20, dtype=torch.bool), range(1, 2))
    assert torch.allclose(left, first_tensor(stream)[0], atol=1e-5)
    assert torch.allclose(norm, model.encoder.after_norm(left), atol=1e-5)


def test_without_texts_the_rest_is_the_same(model, batch):
    alone = {key: value for key, value in batch.items() if not key.startswith("text")}
    with torch.no_grad():
        both, without = model(**batch)[1], model(**alone)[1]
    assert torch.equal(both["loss_shared"], without["loss_shared"])
    assert "loss_ctc_text" not in without and without["loss"] < both["loss"]


def test_swapping_puts_embeddings_where_nothing_is_masked_and_only_in_training(model):
    frames, heard = tensor([20, 11]), torch.zeros(2, 20, 16)
    targets = torch.randint(6, (2, 20))
    masked = spans(frames, 0.4, 4, random=fixed())
    assert model._swapped(heard, targets, masked, frames) is heard
    try:
        model.train()
        found = model._swapped(heard, targets, masked, frames)
    finally:
        model.eval()
    changed = (found != 0).any(-1)
    assert changed.any(1).all() and not (changed & masked).any() and not changed[1, 11:].any()
    expected = model.embedding_norm(model.embedding(targets))
    assert torch.equal(found[changed], expected[changed])


def test_every_weight_learns(model, batch):
    try:
        model.train()
        loss, *_ = model(**batch)
        loss.backward()
    finally:
        model.eval()
    still = [name for name, value in model.named_parameters() if value.grad is None]
    model.zero_grad()
    assert not still


def test_what_a_front_end_that_is_learnt_gives_is_kept_small_and_learnt_more_slowly(tmp_path, batch):
    config = tmp_path / "a.yaml"
    text = CONFIG.format(base=ROOT / "conf/train/e_branchformer.yaml", encoder="transformer")
    text = text.replace("linear_units: 16", "linear_units: 16, input_layer: linear").replace(
        "projection: 8", "projection: 8{more}"
    )
    gradients = {}
    for more in ("", ", feature_penalty: 0.0, feature_grad_mult: 0.0"):
        config.write_text(WAVES + text.replace("{more}", more))
        torch.manual_seed(0)
        model = sketch(config, TOKENS, "cpu").eval()
        loss, told, _ = model(**batch)
        loss.backward()
        gradients[more] = sum(
            float(w.grad.abs().sum()) for w in model.frontend.parameters() if w.grad is not None
        )
        features, lengths = model._extract_feats(batch["speech"], batch["speech_lengths"])
        squares = [row[:n].square() for row, n in zip(features, lengths, strict=True)]
        assert told["loss_features"].item() == pytest.approx(torch.cat(squares).mean().item(), rel=1e-5)
    assert [value > 0 for value in gradients.values()] == [True, False]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mask_length", 0, "model_conf: mask_length is a whole number from 1 up, got 0"),
        ("mask_length", 2.5, "mask_length is a whole number from 1 up, got 2.5"),
        ("mask_prob", 1.5, "mask_prob is a number from 0 to 1, got 1.5"),
        ("label_rate", "fast", "label_rate is a number from 1 to 16000, got 'fast'"),
        ("temperature", float("nan"), "temperature is a number from 0.001 up, got nan"),
        ("units", True, "units is a whole number from 2 up, got True"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(key, value, message):
    with pytest.raises(DataError, match=message):
        Pretrained(**{"units": 6, "label_rate": 50, "speech_layers": 1} | {key: value})
