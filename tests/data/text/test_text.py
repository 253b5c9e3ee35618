import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.data.text import NormalForm, count_removed, has_words, is_han, normalise, removals, simplify
from fangyan.errors import UserError
from fangyan.files import ROOT, read_table

LATIN = NormalForm(latin=True)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("我 們，去 學校。", "我们去学校"),  # spaces, punctuation, script
        ("佢哋冇嚟", "佢哋冇嚟"),  # Cantonese characters stay
        ("𠊎兜食飯", "𠊎兜食饭"),  # beyond the basic plane
        ("OK，ＡＢＣ 三〇", "三〇"),  # Latin goes, the zero stays
        ("⼈", "人"),  # NFKC: radical -> character
        ("二○一八，⻄安，二O一0年", "二〇一八西安二〇一〇年"),  # what serves as Han
        ("\U0002ebf0\U000323b0", "\U0002ebf0\U000323b0"),  # extensions I and J
        ("", ""),
    ],
)
def test_the_normal_form(raw, normal):
    assert normalise(raw) == normal


QUIRKS = {
    "aishell: words parted by spaces": ("广州市 房地产 中介 协会", "广州市房地产中介协会"),
    "aishell2: a carriage return": ("是不是很想看\r", "是不是很想看"),
    "kespeech: noise": ("<SPOKEN_NOISE> 大姐 <SPOKEN_NOISE>", "大姐"),
    "wenetspeech: unknown words": ("这个<UNK>的意思", "这个的意思"),
    "wenetspeech_yue: punctuation of full width": ("我哋，係咪？！「得」……", "我哋系咪得"),
    "mdcc: Cantonese of Hong Kong": ("佢喺度揾嘢食", "佢喺度揾嘢食"),
    "commonvoice nan-tw: tâi-lô in brackets": ("食飯（tsia̍h-pn̄g）未", "食饭未"),
    "commonvoice zh-HK: English in between": ("你send個email俾佢", "你个俾佢"),
    "magicdata: noise": ("[FIL] 打电话 [SPK]", "打电话"),
    "magichub: annotations, also in Han": ("[*]对[LAUGHTER]啊[笑声]", "对啊"),
    "tat: Han and romanisation mixed": ("我beh去lín兜", "我去兜"),
    "hakka: byte order mark and asterisk": ("\ufeff𠊎*去學校", "𠊎去学校"),
    "fleurs: characters parted by bars": ("這|並|不|是|告|別|。", "这并不是告别"),
    "fleurs: digits": ("在 19 世纪 20 年代", "在世纪年代"),
    "a zero-width space and a character of private use": ("我\u200b们\ue000", "我们"),
    "brackets with Han in them are said": ("他（老师）来了", "他老师来了"),
    "a comparison is no annotation": ("三<五", "三五"),
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_a_quirk_of_a_corpus(quirk):
    raw, normal = QUIRKS[quirk]
    assert normalise(raw) == normal


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("你send個EMAIL俾佢", "你send个email俾佢"),
        ("OK, it’s  iPhone 15 的", "ok it's iphone的"),
        ("我beh去lín兜", "我beh去lín兜"),
        ("食飯（tsia̍h-pn̄g）", "食饭"),
        ("tsia̍h-pn̄g", "tsia̍h pn̄g"),
        ("<SPOKEN_NOISE>好[LAUGHTER]", "好"),
        ("3 × 5 ÷ 2", ""),  # signs between the letters of Unicode
    ],
)
def test_latin_words_stay_if_so_chosen(raw, normal):
    assert normalise(raw, LATIN) == normal


@pytest.mark.parametrize(
    ("form", "normal"),
    [
        (NormalForm(digits="kept"), "2018年12 3个"),
        (NormalForm(digits="spoken"), "二零一八年十二三个"),
        (NormalForm(digits="kept", latin=True), "2018年x12 3个"),
    ],
)
def test_digits_stay_or_are_spoken_if_so_chosen(form, normal):
    assert normalise("2018年，X12 3個", form) == normal


def test_the_script_is_a_choice():
    assert normalise("裡面吃飯", NormalForm(script="kept")) == "裡面吃飯"
    assert normalise("头发和发现", NormalForm(script="s2t")) == "頭髮和發現"


def test_variants_become_the_standard_character_in_whatever_script():
    assert normalise("俾尐妳", NormalForm(variants=True)) == "畀啲你"
    assert normalise("俾尐妳") == "俾尐妳"
    for script in ("t2s", "kept"):
        form = NormalForm(variants=True, script=script)
        assert normalise("𣍐使", form) == normalise("袂使", form)


def test_the_table_of_variants_is_one_step_and_of_single_characters():
    rows = read_table(ROOT / "conf" / "variants.tsv")
    variants = [row["variant"] for row in rows]
    assert len(set(variants)) == len(variants)
    for row in rows:
        assert is_han(row["variant"]) and is_han(row["standard"])
        assert row["standard"] not in variants
        assert simplify(row["variant"]) != simplify(row["standard"]), "script conversion does that already"


def test_a_form_is_said_in_words():
    assert NormalForm.parse("") == NormalForm()
    said = NormalForm.parse("latin=true digits=spoken script=kept variants=false")
    assert said == NormalForm(latin=True, digits="spoken", script="kept")


@pytest.mark.parametrize("word", ["latin", "latin=yes", "digits=none", "script=t2", "=", "case=kept"])
def test_an_unknown_word_is_answered_with_the_known_ones(word):
    with pytest.raises(UserError, match=f"latin=false.true digits=.*; got '{word}'"):
        NormalForm.parse(word)


FORMS = [
    NormalForm(),
    NormalForm(latin=True, digits="kept", variants=True),
    NormalForm(digits="spoken"),
    NormalForm(latin=True, script="kept", digits="spoken"),
    NormalForm(digits="kept", script="s2t"),
]


PIECES = [*"二五零0５1O○々½²①⻄人我們臺乾著名看甚麼覆瞭aŌ\u0304 ,.:/-~%^$年度<>[]()（）'’\u200b\u3000\ue000"]


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(FORMS))
@settings(max_examples=500)
def test_whatever_is_made_of_what_has_rules_is_normalised_once(text, form):
    once = normalise(text, form)
    assert normalise(once, form) == once


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(FORMS))
def test_what_is_normal_has_nothing_to_be_removed(text, form):
    assert not count_removed(normalise(text, form), form)


@given(st.text(), st.sampled_from(FORMS))
def test_normalising_twice_changes_nothing(text, form):
    once = normalise(text, form)
    assert normalise(once, form) == once


@given(st.text())
def test_by_default_only_han_is_left(text):
    assert all(is_han(char) for char in normalise(text))


@given(st.text(alphabet="我們aB1 ,.<>[]()（）'’臺\u0304-%年"), st.sampled_from(FORMS))
def test_marks_and_brackets_in_any_order_are_normalised_once(text, form):
    once = normalise(text, form)
    assert normalise(once, form) == once
    assert not set(once) & set(",.<>[]()-%") and once == once.strip()


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        ("在 19 世纪，20！", {"digits": 4}),
        ("OK，tâi-lô p̄h 好", {"Latin letters": 9}),
        ("我\ue000あ们", {"characters of private use": 1, "other letters": 1}),
        ("<SPOKEN_NOISE> 好（tsia̍h） [LAUGHTER] … ♪ 😀", {}),
    ],
)
def test_what_was_spoken_and_is_removed_is_counted_by_its_kind(raw, kinds):
    assert count_removed(raw) == kinds


def test_what_a_form_keeps_is_not_counted():
    assert not count_removed("2018年 OK", NormalForm(latin=True, digits="kept"))
    assert count_removed("2018年 OK", NormalForm(digits="spoken")) == {"Latin letters": 2}


def test_removals_say_how_many_which_and_what_to_choose():
    lines = removals({"a": "好", "b": "3 个", "c": "4 个"})
    assert lines == [
        "2 of 3 transcripts hold digits, which the form leaves out, such as b (3 个): "
        "choose digits=spoken or digits=kept where they were read out"
    ]


@pytest.mark.parametrize("text", ["好", "119", "Hello", "Pha̍k-fa-sṳ", "①"])
def test_some_form_keeps_words(text):
    assert has_words(text)


@pytest.mark.parametrize("text", ["", "…！", "<NOISE> [LAUGHTER]", "♪", "\u200b"])
def test_no_form_keeps_what_is_no_word(text):
    assert not has_words(text)
