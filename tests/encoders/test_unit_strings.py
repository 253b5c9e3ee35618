"""What a language model reads of units and of texts, letter by letter."""

from fangyan.encoders.unit_strings import of_text, of_units, prefix_tokens, unit_tokens


def test_an_utterance_and_a_text_are_read_with_variety_and_modality_before_them():
    assert of_units([17, 5, 5], "yue") == "[yue][speech]<u17><u5><u5>"
    assert of_text("你好", "cmn") == "[cmn][text]你好"


def test_without_a_variety_the_prefix_names_the_modality_alone():
    assert of_units([1]) == "[speech]<u1>"
    assert of_text("你好") == "[text]你好"


def test_tokens_are_one_for_each_unit_modality_and_variety():
    assert unit_tokens(3) == ["<u0>", "<u1>", "<u2>"]
    assert prefix_tokens(["yue", "cmn", "yue"]) == ["[speech]", "[text]", "[cmn]", "[yue]"]
