import numpy as np
import pytest

from fangyan.measure.explain import figure
from fangyan.measure.explain.comparison import AlignedUtterance, compare_frames
from fangyan.recognition.ctc_alignment import Span
from fangyan.style import save

NOBODY_HAS_IT = "\U0010fffe"


def aligned(text, peaks, seed=0):
    frames = np.random.default_rng(seed).normal(size=(20, 4)).astype(np.float32)
    return AlignedUtterance(f"u{seed}", frames, text, [Span(n, n + 1) for n in peaks])


def written(drawn):
    """All the text of a figure."""
    return [text.get_text() for text in drawn.findobj(lambda part: hasattr(part, "get_text"))]


def test_a_font_has_all_of_a_text_or_is_not_chosen():
    (name,) = figure.font_for("abc")
    assert name
    assert figure.font_for("") == ()
    assert figure.font_for("a" + NOBODY_HAS_IT) == ()  # though one font claims it, to draw a box


def test_where_no_font_has_them_characters_go_by_their_reading():
    assert figure.pinyin("我吃饭") == ["wǒ", "chī", "fàn"]
    assert figure.pinyin("我" + NOBODY_HAS_IT * 2) == ["wǒ", "□", "□"]
    found = compare_frames(aligned("我吃" + NOBODY_HAS_IT, (2, 9, 15)), aligned("饭", (3,), 1))
    words = written(figure.similarity(found, 25.0, "title"))
    assert {"wǒ", "chī", "□", "fàn", "query u0 (pinyin)", "target u1 (pinyin)"} <= set(words)


def test_characters_stand_as_they_are_where_a_font_has_them(monkeypatch):
    monkeypatch.setattr(figure, "font_for", lambda text: ("DejaVu Sans",))
    found = compare_frames(aligned("我吃", (2, 9)), aligned("饭", (3,), 1))
    words = written(figure.similarity(found, 25.0, "title"))
    assert {"我", "吃", "饭", "query u0", "target u1", "title"} <= set(words)


def test_without_characters_axes_are_in_seconds(tmp_path):
    found = compare_frames(aligned("", ()), aligned("", (), 1))
    drawn = figure.similarity(found, 25.0, "title")
    assert {"query u0 (s)", "target u1 (s)"} <= set(written(drawn))
    save(drawn, tmp_path / "similarity.png")
    assert (tmp_path / "similarity.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("peaks", "timely"), [((2, 9, 15), True), ((0, 1, 19), True), ((0, 1, 2), False)])
def test_characters_that_were_not_heard_in_time_are_said_to_be(peaks, timely):
    found = compare_frames(aligned("我吃饭", (2, 9, 15)), aligned("我吃饭", peaks, 1))
    words = written(figure.similarity(found, 25.0, "title"))
    assert ("title" in words) == timely
    assert ("title" + figure.UNTIMELY in words) != timely


def test_crowded_labels_go_down_a_row():
    assert figure.stagger([0, 1, 2, 5, 5.5], 2) == [0, 1, 0, 0, 1]
    assert figure.stagger([], 2) == []
