import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from fangyan.encoders import load_encoder
from fangyan.encoders.bounds import describe_excess
from fangyan.encoders.espnet import accepted_samples, frame_count
from fangyan.encoders.espnet_whisper import PaddingFreeEncoder
from fangyan.encoders.whisper import LogMel
from fangyan.errors import DataError
from fangyan.training.lengths import check_heard, check_short, ctc_frames


def changed(job, folder, samples, text):
    """The experiment with another length and text of its first training utterance."""
    stats = shutil.copytree(job.stats, folder / "exp" / "stats") / "train"
    for name, value in (("speech_shape", samples), ("text", text)):
        lines = (stats / name).read_text().splitlines()
        lines[0] = f"{lines[0].split()[0]} {value}"
        (stats / name).write_text("\n".join(lines) + "\n")
    return replace(job, exp=folder / "exp")


@pytest.mark.parametrize(("text", "frames"), [("我吃饭", 3), ("我我", 3), ("吃吃吃", 5), ("我我饭饭", 6)])
def test_ctc_needs_a_blank_between_equal_characters(text, frames):
    assert ctc_frames(text) == frames
    losses = [
        torch.nn.functional.ctc_loss(
            torch.zeros(size, 1, 9).log_softmax(2),
            torch.tensor([["我吃饭".index(char) + 1 for char in text]]),
            torch.tensor([size]),
            torch.tensor([len(text)]),
        )
        for size in (frames - 1, frames)
    ]
    assert [loss.isfinite().item() for loss in losses] == [False, True]


def test_frames_are_counted_as_the_encoder_makes_them(job):
    model = load_encoder(f"espnet:{job.exp}", "cpu").model
    for samples in (960, 1_119, 1_120, 16_000, 16_159):
        with torch.inference_mode():
            encoded, _ = model.encode(torch.randn(1, samples), torch.tensor([samples]))
        assert frame_count(model, samples) == encoded.shape[1]


def test_shorter_than_the_ctc_target_is_counted_and_listed(job, tmp_path, capsys):
    # 3,200 samples: 21 frames of 10 ms, 10 after the first convolution, 4 after the second; 5 are needed.
    short = changed(job, tmp_path, 3_200, "我我吃饭")
    check_short(short)
    table = (short.stats / ".short.tsv").read_text()
    assert table == "id\tset\tframes\tneeded\ncmntrain-s00\ttrain\t4\t5\n"
    assert "1 utterances are shorter than their CTC target" in capsys.readouterr().err


def test_nothing_is_said_where_all_fit(job, tmp_path, capsys):
    fitting = changed(job, tmp_path, 3_200, "我吃饭")
    check_short(fitting)
    assert (fitting.stats / ".short.tsv").read_text() == "id\tset\tframes\tneeded\n"
    assert capsys.readouterr().err == ""


def test_too_short_to_encode_is_refused(job, tmp_path):
    with pytest.raises(
        DataError,
        match=r"wav.scp:1: this encoder hears 960 samples .0.06 s. or more at once, got 800 .0.05 s. for cmn",
    ):
        check_heard(changed(job, tmp_path, 800, "我"))


def test_what_can_be_heard_is_counted_in_samples(job):
    # 960 samples: 7 frames of 10 ms, 3 after the first convolution, 1 after the second.
    model = load_encoder(f"espnet:{job.exp}", "cpu").model
    heard = accepted_samples(model)
    assert heard.start == 960 and 3600 * 16_000 in heard
    for samples, fits in ((959, False), (960, True)):
        assert (frame_count(model, samples) >= 1) is fits
    assert (
        describe_excess(heard, 480)
        == "this encoder hears 960 samples (0.06 s) or more at once, got 480 (0.03 s)"
    )


def test_whisper_hears_half_a_minute():
    encoder = PaddingFreeEncoder(8, output_size=16, num_blocks=1, attention_heads=2, linear_units=32)
    heard = accepted_samples(SimpleNamespace(encoder=encoder, frontend=LogMel(8)))
    assert 30 * 16_000 in heard and 31 * 16_000 not in heard and heard.start == 160
    assert describe_excess(heard, 31 * 16_000) == (
        "this encoder hears 160 samples (0.01 s) to 480159 samples (30.01 s) at once, got 496000 (31 s)"
    )


def test_an_encoder_that_does_not_tell_hears_all():
    assert 1 in accepted_samples(SimpleNamespace(encoder=object(), frontend=object()))
    stft = SimpleNamespace(hop_length=160, stft=SimpleNamespace(n_fft=512))
    assert (
        accepted_samples(SimpleNamespace(encoder=object(), frontend=stft)).start == 257
    )  # fewer cannot be mirrored
