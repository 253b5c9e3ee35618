import pytest

from fangyan.errors import UserError
from fangyan.training.sentencepieces import MODEL, learn_pieces, load_splitter

TEXTS = ["我吃饭", "你吃饭", "吃饭了吗", "我们吃饭", "ok ok 吃饭", "看书"] * 20
"""Twelve characters with that for spaces; 吃饭 is in most texts."""


def test_pieces_are_as_many_as_asked_for_with_every_character(tmp_path):
    pieces = learn_pieces(TEXTS, 14, tmp_path)
    assert len(pieces) == len(set(pieces)) == 13  # the fourteenth is for what is unknown
    assert set("我你吃饭了吗们看书ok") < set(pieces) and "吃饭" in pieces


def test_a_text_is_split_into_pieces_that_spell_it_whatever_its_characters(tmp_path):
    learn_pieces(TEXTS, 14, tmp_path)
    split = load_splitter(tmp_path / MODEL)
    assert split("我吃饭") == ["我", "吃饭"]
    assert "".join(split("我ok ok鱻")).replace("▁", " ") == "我ok ok鱻"
    assert split("") == []


def test_without_a_model_tokens_are_characters(tmp_path):
    assert load_splitter(tmp_path / MODEL)("我吃 ok") == list("我吃 ok")


def test_the_same_texts_give_the_same_model(tmp_path):
    models = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        learn_pieces(TEXTS, 14, tmp_path / name)
        models.append((tmp_path / name / MODEL).read_bytes())
    assert models[0] == models[1]


@pytest.mark.parametrize(("vocabulary", "reason"), [(5, "smaller than required_chars"), (500, "too high")])
def test_too_few_and_too_many_are_refused(tmp_path, vocabulary, reason):
    with pytest.raises(
        UserError, match=rf"^--vocabulary {vocabulary}: Vocabulary size (is )?{reason}.*\d\.$"
    ):
        learn_pieces(TEXTS, vocabulary, tmp_path)
    assert not list(tmp_path.iterdir())
