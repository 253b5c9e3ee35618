"""A teacher's vectors as a column of a data directory: which wording, once, resumable, recognised as finished."""

import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.encoders import load_encoder
from fangyan.errors import DataError, UserError
from fangyan.training.teacher import read_vectors, teach, whitening

CONFIG = "task: align\nteacher: text:{teacher}\n{more}\n"
OWN = {"cmn": "你看书", "yue": "你睇書"}


@pytest.fixture
def data(singer, tmp_path) -> Path:
    """Two sentences in two varieties; the second has words of its own in Cantonese."""
    home = singer(tmp_path, "train", ["我吃饭", "你看书"], ["cmn", "yue"])
    rows = datadir.read(home)
    last = max(row.sentence for row in rows)
    text = {row.id: OWN[row.variety] if row.sentence == last else row.text for row in rows}
    (home / "text").write_text("".join(f"{key} {value}\n" for key, value in text.items()))
    return home


@pytest.fixture
def config(tmp_path, tiny_sentence):
    def write(more: str = "") -> Path:
        path = tmp_path / "align.yaml"
        path.write_text(CONFIG.format(teacher=tiny_sentence, more=more))
        return path

    return write


def vectors(data: Path) -> dict[str, np.ndarray]:
    return dict(kaldiio.load_scp(str(data / "teacher.scp")).items())


def embedded(spec: str, texts: list[str], prefix: str = "") -> np.ndarray:
    encoder = load_encoder(spec, "cpu", "text")
    encoder.prefix = prefix
    found = np.concatenate(encoder.encode(texts)[-1])
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_each_utterance_has_the_vector_of_the_mandarin_wording(data, config, tiny_sentence):
    assert teach(config('teacher_prefix: "query: "'), data)
    assert not teach(config('teacher_prefix: "query: "'), data)  # finished
    found, texts = vectors(data), datadir.read_map(data / "text_cmn")
    assert list(read_column(data, "teacher.scp")) == list(found) == list(texts)
    expected = embedded(f"text:{tiny_sentence}", [*texts.values()], "query: ")
    assert np.array([*found.values()]) == pytest.approx(expected, abs=1e-6)


def test_the_own_wording_or_the_mean_of_both(data, config, tiny_sentence):
    spec = f"text:{tiny_sentence}"
    own = embedded(spec, [*datadir.read_map(data / "text").values()])
    mandarin = embedded(spec, [*datadir.read_map(data / "text_cmn").values()])
    assert teach(config("teacher_wording: text"), data)
    assert np.array([*vectors(data).values()]) == pytest.approx(own, abs=1e-6)
    assert teach(config("teacher_wording: mean"), data)
    both = own + mandarin
    expected = both / np.linalg.norm(both, axis=1, keepdims=True)
    assert np.array([*vectors(data).values()]) == pytest.approx(expected, abs=1e-6)


def test_they_are_made_again_when_texts_prefix_or_files_change(data, config):
    assert teach(config(), data) and not teach(config(), data)
    assert teach(config('teacher_prefix: "passage: "'), data)
    (data / "text_cmn").write_text((data / "text_cmn").read_text().replace("我吃饭", "我喝水"))
    assert teach(config('teacher_prefix: "passage: "'), data)
    (data / "teacher.scp").unlink()
    assert teach(config('teacher_prefix: "passage: "'), data)
    before = vectors(data)
    shutil.rmtree(data / ".teacher")
    assert teach(config('teacher_prefix: "passage: "'), data)
    assert {key: value.tolist() for key, value in vectors(data).items()} == {
        key: value.tolist() for key, value in before.items()
    }


def test_what_is_no_teacher_is_refused(data, config, tmp_path):
    (none := tmp_path / "none.yaml").write_text("task: align\n")
    with pytest.raises(UserError, match=r"none.yaml: .* no text side"):
        teach(none, data)
    with pytest.raises(DataError, match=r"teacher_wording: .*'english'.*text_cmn"):
        teach(config("teacher_wording: english"), data)
    (none).write_text("task: align\nteacher: fbank\n")
    with pytest.raises(UserError, match="a teacher is an encoder of text, text:.*, got fbank"):
        teach(none, data)


def archive(folder: Path, vectors: np.ndarray) -> Path:
    kaldiio.save_ark(
        str(folder / "teacher.ark"),
        {f"u{n}": row for n, row in enumerate(vectors)},
        scp=str(folder / "teacher.scp"),
    )
    return folder / "teacher.scp"


def test_whitened_vectors_have_no_direction_in_which_they_vary_more(tmp_path):
    random = np.random.default_rng(1)
    mixed = (random.normal(size=(5000, 3)) * [2, 1, 0.5] @ [[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]]).astype(
        np.float32
    )
    matrix = whitening(read_vectors(archive(tmp_path, mixed)))
    assert matrix == pytest.approx(matrix.T, abs=1e-4)
    assert np.cov((mixed @ matrix).T) == pytest.approx(np.eye(3), abs=0.05)


def test_vectors_that_are_there_twice_count_once_and_few_of_them_are_hardly_whitened(tmp_path):
    four = np.array([[3, 0], [-3, 0], [0, 1], [0, -1]], np.float32)
    once = whitening(read_vectors(archive(tmp_path, four)))
    assert np.array_equal(
        once, whitening(read_vectors(archive(tmp_path, np.concatenate([four, four[:2], four[:1]]))))
    )
    assert 1 < once[1, 1] / once[0, 0] < 3  # 3 of their own covariance, 1 of one that is shrunk to the end
