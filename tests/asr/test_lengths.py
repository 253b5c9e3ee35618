import shutil
from dataclasses import replace

import pytest
import torch

from fangyan.asr.lengths import check_lengths, ctc_frames
from fangyan.encoders import load_encoder
from fangyan.encoders.espnet import frame_count
from fangyan.errors import DataError


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
    check_lengths(short)
    table = (short.stats / ".short.tsv").read_text()
    assert table == "id\tset\tframes\tneeded\ncmntrain-s00\ttrain\t4\t5\n"
    assert "1 utterances are shorter than their CTC target" in capsys.readouterr().err


def test_nothing_is_said_where_all_fit(job, tmp_path, capsys):
    fitting = changed(job, tmp_path, 3_200, "我吃饭")
    check_lengths(fitting)
    assert (fitting.stats / ".short.tsv").read_text() == "id\tset\tframes\tneeded\n"
    assert capsys.readouterr().err == ""


def test_too_short_to_encode_is_refused(job, tmp_path):
    with pytest.raises(
        DataError, match=r"wav.scp:1: this encoder hears 0.04 s to inf s at once, got 0.050 s for cmn"
    ):
        check_lengths(changed(job, tmp_path, 800, "我"))
