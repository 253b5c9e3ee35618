import pytest

from fangyan.corpora import kaldi
from fangyan.datadir import Utterance
from fangyan.errors import DataError, UserError

FILES = {
    "wav.scp": "b-2 w/b.wav\r\na-1 w/a.wav\n\n",
    "utt2lang": "a-1 hak\nb-2 yue\n",
    "utt2sent": "a-1 s1\nb-2 s1\n",
}


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    for name, text in (FILES | changes).items():
        (folder / name).write_bytes(text.encode())
    return folder


def test_the_least_data_dir_is_enough_and_its_order_is_mended(tmp_path):
    assert kaldi.splits(write(tmp_path / "mine")) == {
        "test": [
            Utterance("b-2", "w/b.wav", "", "b-2", "yue", "s1"),
            Utterance("a-1", "w/a.wav", "", "a-1", "hak", "s1"),
        ]
    }


def test_several_folders_are_several_sets(tmp_path):
    write(tmp_path / "dev")
    write(tmp_path / "test")
    assert list(kaldi.splits(tmp_path)) == ["dev", "test"]


def test_texts_and_speakers_are_used_and_the_id_starts_with_the_speaker(tmp_path):
    folder = write(tmp_path / "x", **{"text": "a-1 食飯\nb-2 食飯\n", "utt2spk": "a-1 kim\nb-2 b\n"})
    found = {u.id: (u.text, u.speaker) for u in kaldi.splits(folder)["test"]}
    assert found == {"kim-a-1": ("食飯", "kim"), "b-2": ("食飯", "b")}


def test_segments_cut_recordings(tmp_path):
    folder = write(
        tmp_path / "x",
        **{
            "segments": "u1 a-1 0.5 2\nu2 b-2 0 1.25\n",
            "utt2lang": "u1 hak\nu2 yue\n",
            "utt2sent": "u1 s\nu2 s\n",
        },
    )
    found = {u.id: (u.wav, u.start, u.end) for u in kaldi.splits(folder)["test"]}
    assert found == {"u1": ("w/a.wav", 0.5, 2.0), "u2": ("w/b.wav", 0.0, 1.25)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"utt2lang": "a-1 hak\n"}, r"utt2lang: a value for every utterance, got none for b-2"),
        ({"wav.scp": "a-1 sox x |\nb-2 b.wav\n"}, r"wav\.scp:1: .*got a pipe"),
        ({"wav.scp": "a-1 a.wav\na-1 b.wav\n"}, r"wav\.scp:2: ids are unique"),
        ({"segments": "u1 zz 0 1\n"}, r"segments:1: the recording is one of wav\.scp, got zz"),
        ({"segments": "u1 a-1 0 end\n"}, r"segments:1: a line is 'utterance recording start end'"),
        ({"segments": "u1 a-1 0\n"}, r"segments:1: a line is 'utterance recording start end'"),
    ],
)
def test_contradictions_are_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        kaldi.splits(write(tmp_path / "x", **changes))


def test_what_is_needed_is_asked_for(tmp_path):
    with pytest.raises(UserError, match="--corpus_dir"):
        kaldi.splits(None)
    with pytest.raises(DataError, match=r"expected wav\.scp"):
        kaldi.splits(tmp_path)
    (write(tmp_path / "x") / "utt2sent").unlink()
    with pytest.raises(DataError, match="utt2sent: no such file"):
        kaldi.splits(tmp_path / "x")
