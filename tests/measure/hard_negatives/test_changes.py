"""Hard negatives by rule: each changes the part of its kind and nothing else, the same way everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.corpora import mini_sinitic
from fangyan.data.text import simplify
from fangyan.errors import DataError
from fangyan.files import ROOT
from fangyan.measure.hard_negatives.changes import MOST, read_rules, variants

RULES = read_rules()


@pytest.fixture(scope="module")
def sentences():
    return {f"s{n}": s.cmn.replace(" ", "") for n, s in enumerate(mini_sinitic.sentences()["test"])}


def texts(text: str, kind: str) -> set[str]:
    """All variants of one kind, `MOST` or fewer."""
    return {variant.text for variant in variants({"s": text}, {kind: RULES[kind]})}


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("他会说一点英语", "negation", {"他不会说一点英语"}),
        ("我不喜欢吃鱼", "negation", {"我喜欢吃鱼"}),
        ("他没有去学校", "negation", {"他有去学校", "他去学校"}),
        ("你是不是想买书", "negation", {"你是不是不想买书"}),
        ("差不多", "negation", set()),
        ("有一个", "number", {"有两个", "有三个", "有五个"}),
        ("我们一起吃", "number", set()),
        ("星期三", "number", set()),
        ("左边", "place", {"右边"}),
        ("他比老师高", "exchange", {"老师比他高"}),
        ("他和老师一起看书", "exchange", set()),
        ("我等我们", "exchange", {"我们等我"}),
        ("我等我", "exchange", set()),
        ("他先做饭再休息", "exchange", {"他先休息再做饭"}),
        ("老師有兩個學生", "negation", {"老師沒有兩個學生"}),
        ("以前", "time", {"以后"}),
        ("我愛他", "exchange", {"他愛我"}),
        ("没", "negation", set()),
    ],
)
def test_what_is_said_is_changed_and_nothing_else(text, kind, expected):
    assert texts(text, kind) == expected


def check(found, original):
    """What holds of every variant."""
    for variant in found:
        text = original[variant.sentence]
        shift, rebuilt, end = 0, "", 0
        for start, old, new in sorted(variant.edits):
            assert text[start : start + len(old)] == old != new
            rebuilt += text[end:start] + new
            end = start + len(old)
            shift += len(new) - len(old)
        assert rebuilt + text[end:] == variant.text and len(variant.text) == len(text) + shift
        assert len(variant.edits) == (2 if variant.kind == "exchange" else 1)
        assert variant.id.startswith(f"{variant.sentence}~{variant.kind}")


def test_a_variant_differs_in_the_part_of_its_kind_and_is_no_sentence_of_the_set(sentences):
    found = variants(sentences)
    check(found, sentences)
    assert {variant.kind for variant in found} == set(RULES)
    assert {variant.sentence for variant in found} == set(sentences)
    made = [simplify(variant.text) for variant in found]
    assert len(set(made)) == len(made) and not set(made) & set(map(simplify, sentences.values()))
    assert max(sum((v.sentence, v.kind) == (w.sentence, w.kind) for w in found) for v in found) <= MOST
    assert variants(sentences) == found


@given(
    st.lists(
        st.sampled_from("我你他老师爸妈两三四个北京昨天没有不是会和比在吃鱼師說學 ，，"), max_size=14
    ).map("".join)
)
def test_any_text_is_changed_in_one_part_of_it(text):
    found = variants({"s": text, "t": "我吃鱼"})
    check(found, {"s": text, "t": "我吃鱼"})
    assert found == variants({"s": text, "t": "我吃鱼"})


def test_words_of_a_sentence_of_the_set_are_never_a_variant():
    found = variants({"a": "昨天下雨", "b": "明天下雨"}, {"time": RULES["time"]})
    assert not {variant.text for variant in found} & {"昨天下雨", "明天下雨"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("number\t两 三", "rules.tsv:2: 3 columns"),
        ("number\t\t=", "rules.tsv:2: a kind is one word, and every cell is filled, got 'number', '', '='"),
        ("a kind\t两\t=", "rules.tsv:2: a kind is one word"),
        ("number\t两 三 两\t=", "rules.tsv:2: a word has one rule of its kind, got 两 again"),
        ("number\t两 三\t=\nnumber\t三\t四", "rules.tsv:3: a word has one rule of its kind, got 三 again"),
    ],
)
def test_broken_rules_are_named_with_their_line(tmp_path, row, message):
    path = tmp_path / "rules.tsv"
    path.write_text(f"kind\twords\treplacements\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_rules(path)


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "rules.tsv"
    path.write_text("kind\tword\n", encoding="utf-8")
    with pytest.raises(
        DataError, match="rules.tsv:1: the columns are kind words replacements, got kind word"
    ):
        read_rules(path)


def test_the_kinds_are_as_many_as_the_docs_say(sentences):
    found = variants(sentences)
    counts = [sum(variant.kind == kind for variant in found) for kind in RULES]
    row = f"| embedded corpus, test | 80 | 80 | {' | '.join(map(str, counts))} |"
    assert row in (ROOT / "docs/measures.md").read_text(encoding="utf-8")
