import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text

from fangyan.measure.explain import figure
from fangyan.measure.explain.comparison import AlignedUtterance, compare_frames
from fangyan.style import save
from fangyan.units.alignment import Span

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
    (title,) = [text for text in written(figure.similarity(found, 25.0, "title")) if text.startswith("title")]
    assert (figure.UNTIMELY in title) != timely


def test_labels_move_apart_as_little_as_it_takes():
    assert figure.spread([1, 5, 9], 2, 10) == ([1, 5, 9], [0, 0, 0])
    assert figure.spread([5, 5], 2, 10) == ([4, 6], [0, 0])  # each half of it
    assert figure.spread([0, 0.5, 10], 2, 10) == ([1, 3, 9], [0, 0, 0])  # within the axis


def test_labels_that_a_row_does_not_hold_take_turns_in_several():
    places, rows = figure.spread([4, 5, 5, 6], 4, 10)  # two in a row of 10
    assert rows == [0, 1, 0, 1]
    assert places == pytest.approx([2.5, 3.5, 6.5, 7.5])  # 4 and 5 around 4.5, 5 and 6 around 5.5


@pytest.mark.parametrize("count", [3, 24])
def test_no_label_is_smaller_on_a_phone_than_eleven_pixels_nor_touches_another(count):
    frames = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    side = AlignedUtterance("u", frames, "我" * count, [Span(n, n + 1) for n in range(count)])
    drawn = figure.similarity(compare_frames(side, side), 25.0, "title")
    FigureCanvasAgg(drawn).draw()
    boxes = []
    for label in drawn.findobj(Annotation):
        assert label.get_fontsize() * 358 / 72 / drawn.get_figwidth() > 10.9  # a phone of 390 px has margins
        boxes.append(Text.get_window_extent(label))
    assert len(boxes) == 2 * count
    boxes = [box.shrunk(0.95, 0.75) for box in boxes]  # a line of type is higher than what is in it
    assert not [n for n, box in enumerate(boxes) if box.count_overlaps(boxes[:n])]


def make_font(path, name, characters):
    """A font of squares."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    glyphs = {".notdef": pen.glyph()} | {f"u{ord(char):04X}": pen.glyph() for char in characters}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(char): f"u{ord(char):04X}" for char in characters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (500, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def machine(monkeypatch):
    """A machine whose fonts are those in the list that is returned, none of which matplotlib knows yet."""
    fonts, manager = [], figure.font_manager.fontManager
    latin = [font for font in manager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(manager, "ttflist", latin)
    monkeypatch.setattr(figure.font_manager, "findSystemFonts", lambda: fonts)
    caches = (figure.font_for, figure._installed)
    for one in caches:
        one.cache_clear()
    yield fonts
    for one in caches:
        one.cache_clear()


def test_a_font_that_came_after_matplotlibs_list_was_made_is_found_and_sans_serif_is_chosen_first(
    machine, tmp_path
):
    for name in ("A Serif CJK", "B Sans Mono CJK", "C Sans CJK", "D Serif CJK"):
        machine.append(make_font(tmp_path / f"{name}.ttf", name, "的我吃饭"))
    (tmp_path / "broken.ttf").write_text("no font")
    machine.append(str(tmp_path / "broken.ttf"))
    assert figure.font_for("我吃") == ("C Sans CJK",)
    found = compare_frames(aligned("我吃", (2, 9)), aligned("饭", (3,), 1))
    drawn = figure.similarity(found, 25.0, "title")
    assert {"我", "吃", "饭", "title"} <= set(written(drawn))
    save(drawn, tmp_path / "similarity.png")


def test_a_font_that_is_gone_is_not_chosen(machine, tmp_path):
    machine.append(make_font(tmp_path / "gone.ttf", "Gone Sans", "的我"))
    figure.font_manager.fontManager.addfont(machine[0])
    (tmp_path / "gone.ttf").unlink()
    machine.clear()
    assert figure.font_for("我") == ()


def test_where_characters_go_by_pinyin_the_picture_says_why(machine, tmp_path):
    found = compare_frames(aligned("我吃", (2, 9)), aligned("饭", (3,), 1))
    assert "title" + figure.NO_FONT in written(figure.similarity(found, 25.0, "title"))
    assert "fonts-noto-cjk" in figure.NO_FONT
    machine.append(make_font(tmp_path / "few.ttf", "Few Sans", "的我"))
    figure.font_for.cache_clear()
    figure._installed.cache_clear()
    assert "title" + figure.NO_CHARACTER in written(figure.similarity(found, 25.0, "title"))
    silent = compare_frames(aligned("", ()), aligned("", (), 1))
    assert "title" in written(figure.similarity(silent, 25.0, "title"))
