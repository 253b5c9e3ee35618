"""ESPnet is as it was wherever nothing is trained or built."""

from importlib.metadata import version

import pytest
import torch
import typeguard

from fangyan.encoders import espnet_patches
from fangyan.encoders.espnet_build import task_class
from fangyan.errors import UserError


@pytest.fixture(scope="module")
def espnet():
    task_class()
    from espnet2.bin import asr_inference
    from espnet2.tasks import asr
    from espnet2.train.distributed_utils import DistributedOption
    from espnet2.train.reporter import Reporter

    return {
        "save": lambda: torch.save,
        "join": lambda: DistributedOption.init_torch_distributed,
        "sort": lambda: Reporter.sort_epochs_and_values,
        "task": lambda: asr_inference.ASRTask,
        "encoders": lambda: asr.encoder_choices.classes,
        "frontends": lambda: asr.frontend_choices.classes,
    }


ORIGINAL = {
    "save": "torch.serialization",
    "join": "espnet2.train.distributed_utils",
    "sort": "espnet2.train.reporter",
    "task": "espnet2.tasks.asr",
}


def check_original(espnet) -> None:
    for name, module in ORIGINAL.items():
        assert espnet[name]().__module__ == module, name
    assert "hf_whisper" not in espnet["encoders"]()
    assert "whisper_logmel" not in espnet["frontends"]()


def test_after_training_decoding_and_dumping_all_is_as_it_was(job, espnet, tmp_path):
    from fangyan.features.dump import dump
    from fangyan.recognition.decoding import decode
    from fangyan.training import train

    quick = tmp_path / "quick.yaml"
    quick.write_text("beam_size: 1\nmaxlenratio: -1\n")
    assert not train(job)
    decode(job.exp, [job.dev], quick, tmp_path / "decode")
    dump(f"random:{job.exp}", [job.dev], tmp_path / "feats")
    check_original(espnet)


def test_what_is_bent_stands_again_whatever_happens(espnet):
    task = task_class()
    with (
        pytest.raises(UserError),
        espnet_patches.for_training(),
        espnet_patches.saving(print),
        espnet_patches.recognising(task),
        espnet_patches.registered(task.class_choices_list, {"encoder": {"mine": object}}),
    ):
        assert espnet["save"]() is print and espnet["task"]() is task
        assert espnet["encoders"]()["mine"] is object
        assert {espnet["join"]().__module__, espnet["sort"]().__module__} == {espnet_patches.__name__}
        raise UserError("stop")
    check_original(espnet)
    assert "mine" not in espnet["encoders"]()


def test_they_are_written_against_the_espnet_that_is_installed():
    assert f"ESPnet {version('espnet')}." in espnet_patches.__doc__


def test_ranks_that_are_joined_are_not_joined_again(espnet, monkeypatch):
    from espnet2.train.distributed_utils import DistributedOption

    joined = []
    monkeypatch.setattr(DistributedOption, "init_torch_distributed", joined.append)
    for already in (True, False):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda already=already: already)
        with espnet_patches.joined_once():
            DistributedOption.init_torch_distributed(already)
    assert joined == [False]


def test_what_is_heard_by_is_neither_checked_nor_kept_from_a_compiler():
    with espnet_patches.for_hearing():
        for decorator in (torch.compiler.disable, typeguard.typechecked):
            assert decorator(len) is decorator()(len) is decorator(reason="none")(len) is len
            assert decorator(recursive=False)(len) is decorator(len, False) is len


def test_ctc_writes_nothing_into_padding():
    import torch
    from espnet2.asr.ctc import CTC

    torch.manual_seed(0)
    ctc, frames, lengths = CTC(4, 3).eval(), torch.randn(2, 5, 3), torch.tensor([5, 2])
    frames[1, 2:] = 9.0  # padding of which something would be read
    targets = torch.tensor([[1, 2], [3, -1]]), torch.tensor([2, 1])
    plain = ctc.argmax(frames)
    with espnet_patches.blank_in_padding():
        ctc(frames, lengths, *targets)
        found = ctc.argmax(frames)
    assert torch.equal(found[0], plain[0]) and torch.equal(found[1, :2], plain[1, :2])
    assert found[1, 2:].tolist() == [0, 0, 0]
    assert torch.equal(ctc.argmax(frames), plain)  # afterwards as before
