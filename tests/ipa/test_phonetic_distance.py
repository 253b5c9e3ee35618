"""`ipa.phonetic_distance`: rules of spelling one by one, distances by hand, the fast alignment against a slow one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.ipa import phonetic_distance
from fangyan.ipa.phonetic_distance import count_unknown, distance, distance_matrix, segments, to_segments

SEGMENTS = ("p", "pʰ", "m", "t͡s", "s", "k", "ŋ̩", "a", "i", "u")
SPOKEN = st.lists(st.sampled_from(SEGMENTS), max_size=7).map(".".join)


@pytest.mark.parametrize(
    ("ipa", "cleaned"),
    [
        ("tʰau˧˥ lou˨˩", "tʰaulou"),
        ("ma55 ma²¹⁴ ma꜔", "mamama"),
        ("á ǎ ā", "aaa"),
        ("ˈa.ni|a-ni ‖ ˌa,ni。", "anianiani"),
        ("(ʔ)a [ni] {u}", "ʔaniu"),
        ("tʰau/tʰɐu lei~nei", "tʰaulei"),
        ("a / b", "a"),
        ("/tʰau/ /lou/", "tʰaulou"),
        ("jɐt̚ ∅a", "jɐta"),
        ("t͡sa", "t\u0361sa"),
        ("t͜sa", "t\u0361sa"),
        ("tsa", "t\u0361sa"),
        ("ʦa", "t\u0361sa"),
        ("tʂʰa", "ʈ\u0361ʂʰa"),
        ("jɐt.sɐm jɐt˨sɐm", "jɐtsɐmjɐtsɐm"),
        ("ŋ\u030d", "ŋ\u0329"),
        ("tsʻɿ ʂʅ ʮ", "t\u0361sʰɨʂɨʉ"),
        ("tsɹ̩ ʂɻ̩ z\u030d", "t\u0361sɨʂɨɨ"),
        ("ȵi ɚ gᴀ", "ɲiə˞ɡa"),
        ("a: ã", "aːa\u0303"),
        ("\u00e7a", "c\u0327a"),
        ("", ""),
    ],
)
def test_clean(ipa, cleaned):
    assert to_segments(ipa) == cleaned


def test_segments_are_articulatory_features():
    found = segments("ma˥")
    assert found.shape == (2, 22) and set(np.unique(found)) == {-1, 0, 1}
    syllabic, nasal = 0, 6  # syl and nas in the order of panphon
    assert found[:, syllabic].tolist() == [-1, 1] and found[:, nasal].tolist() == [1, -1]
    assert segments("˥").shape == (0, 22)


def test_unknown_symbols_are_counted():
    assert count_unknown(["ma", "m%a%˥", "☃a"]) == {"%": 2, "☃": 1}
    assert distance("m%a", "ma") == 0


def test_distance_by_hand():
    # p and b differ in voice, + to -: 2 of 22 units. A whole segment costs 11. Twice 11 is the worst for a segment.
    assert distance("p", "b") == pytest.approx(2 / 22)
    assert distance("pa", "ba") == pytest.approx(2 / 44)
    assert distance("pa", "a") == pytest.approx(11 / 44)
    assert distance("pa", "ab") == pytest.approx(22 / 44)  # cheaper than p to a and a to b
    assert distance("a", "") == 0.5
    assert distance("", "˥") == 0


def test_panphon_agrees():
    """Feature edit distance of panphon, asked for the same costs."""
    from panphon.distance import Distance

    panphon = Distance()
    for a, b in (("tʰaulou", "tʰɐulɐu"), ("ɕiŋtɕʰi", "siŋkʰi"), ("ma", "ŋanlu")):
        vectors = [[list(v) for v in segments(x).tolist()] for x in (a, b)]
        cost = panphon.min_edit_distance(
            lambda v: 1 / 4, lambda v: 1 / 4, panphon.unweighted_substitution_cost, [[]], *vectors
        )
        longer = max(map(len, vectors))
        assert distance(a, b) == pytest.approx(2 * cost / longer)


def slow(a: str, b: str) -> float:
    """The distance cell by cell, as in a textbook."""
    x, y = segments(a).tolist(), segments(b).tolist()
    cost = [[0.0] * (len(y) + 1) for _ in range(len(x) + 1)]
    for i in range(len(x) + 1):
        for j in range(len(y) + 1):
            ways = [0.0] if i == j == 0 else []
            if i:
                ways.append(cost[i - 1][j] + 1 / 2)
            if j:
                ways.append(cost[i][j - 1] + 1 / 2)
            if i and j:
                change = sum(abs(p - q) / 2 for p, q in zip(x[i - 1], y[j - 1], strict=True))
                ways.append(cost[i - 1][j - 1] + 2 * change / 22)
            cost[i][j] = min(ways)
    return cost[-1][-1] / max(len(x), len(y), 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(SPOKEN, min_size=1, max_size=4), st.lists(SPOKEN, min_size=1, max_size=4))
def test_the_matrix_matches_the_slow_reference(queries, candidates):
    found = distance_matrix(queries, candidates)
    assert found.dtype == np.float32 and found.shape == (len(queries), len(candidates))
    np.testing.assert_allclose(found, [[slow(q, c) for c in candidates] for q in queries], atol=1e-6)


def test_blocks_of_candidates_join(monkeypatch):
    spoken = ["".join(SEGMENTS[k : k + n]) for k in range(4) for n in range(6)]
    whole = distance_matrix(spoken, spoken)
    monkeypatch.setattr(phonetic_distance, "BLOCK", 5)
    np.testing.assert_array_equal(distance_matrix(spoken, spoken), whole)


@settings(deadline=None, max_examples=50)
@given(SPOKEN, SPOKEN, SPOKEN)
def test_it_is_a_distance(a, b, c):
    found = distance_matrix([a, b, c], [a, b, c])
    assert (found.diagonal() == 0).all() and (found == found.T).all()
    assert ((found >= 0) & (found <= 1)).all()
    # The sum of costs obeys the triangle inequality; its share of the longer length need not.
    length = np.array([len(segments(x)) for x in (a, b, c)])
    cost = found * np.maximum(length[:, None], length)
    assert cost[0, 2] <= cost[0, 1] + cost[1, 2] + 1e-5


def test_no_strings_no_distances():
    assert distance_matrix([], ["a"]).shape == (0, 1)
    assert distance_matrix(["a"], []).shape == (1, 0)
