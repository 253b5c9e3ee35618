"""`fangyan.bench.pretrain`: both steps change weights, of the same speech, with as many units of text; no timings."""

import torch

from fangyan.bench import pretrain
from fangyan.bench.benchmark import Size


def test_each_step_trains_its_model_on_the_same_speech(monkeypatch):
    monkeypatch.setattr("fangyan.bench.align.SHORTEST", 0.5)
    monkeypatch.setattr("fangyan.bench.align.LONGEST", 0.6)
    paired, pretrained, recognised = pretrain.steps(Size(utterances=10), "cpu")
    assert torch.equal(pretrained.batch["speech"], recognised.batch["speech"])
    wanted = int(pretrained.batch["units_lengths"].sum())
    assert wanted <= pretrained.batch["text_units_lengths"].sum() < wanted + pretrain.LENGTH
    assert pretrain.pair(paired) > 0
    for step in (pretrained, recognised):
        before = [parameter.clone() for parameter in step.model.parameters()]
        step()
        changed = [not torch.equal(a, b) for a, b in zip(before, step.model.parameters(), strict=True)]
        assert sum(changed) > len(changed) / 2
    encoders = (step.model.encoder.state_dict() for step in (pretrained, recognised))
    one, two = ({key: value.shape for key, value in encoder.items()} for encoder in encoders)
    assert one == two
