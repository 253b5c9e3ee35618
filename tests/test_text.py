import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.text import is_han, normalise


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("我 們，去 學校。", "我们去学校"),  # spaces, punctuation, script
        ("佢哋冇嚟", "佢哋冇嚟"),  # Cantonese characters stay
        ("𠊎兜食飯", "𠊎兜食饭"),  # beyond the basic plane
        ("OK，ＡＢＣ 三〇", "三〇"),  # Latin goes, the zero stays
        ("⼈", "人"),  # NFKC: radical -> character
        ("", ""),
    ],
)
def test_the_normal_form(raw, normal):
    assert normalise(raw) == normal


@given(st.text())
def test_normalising_twice_changes_nothing_and_leaves_only_han(text):
    once = normalise(text)
    assert normalise(once) == once
    assert all(is_han(char) for char in once)
