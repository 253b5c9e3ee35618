"""`fangyan.measure.bootstrap`: cases by hand, and simulated retrievals whose true mean is known."""

from itertools import permutations

import numpy as np
import pytest

from fangyan.errors import DataError
from fangyan.measure.bootstrap import bootstrap_means, interval, permutation, sort_into_cells

THREE = ("cmn", "hak", "yue")


def queries(varieties, sentences: int) -> list[tuple[str, str, str]]:
    """One query for each sentence and ordered pair: source, target, sentence."""
    return [(a, b, f"{s}") for a, b in permutations(varieties, 2) for s in range(sentences)]


def test_means_by_hand():
    # cmn -> hak: 3 queries (two recordings of a), hits 1 1 0; hak -> cmn: 2 queries, hits 0 1.
    found = sort_into_cells(
        [("cmn", "hak", sentence) for sentence in "aab"] + [("hak", "cmn", sentence) for sentence in "ab"]
    )
    hits = np.array([1, 1, 0, 0, 1])
    assert found.counts.tolist() == [[2, 1], [1, 1]]
    assert found.total(hits).tolist() == [[2, 0], [0, 1]]
    assert found.mean(hits) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.clusters == "2 sentences"
    # Drawn are a twice, b twice, or one of each.
    means = np.unique(bootstrap_means(found, hits[None], 50)[:, 0])
    assert means == pytest.approx([1 / 2, (2 / 3 + 1 / 2) / 2])  # a, a: (1 + 0) / 2; b, b: (0 + 1) / 2


def test_pairs_without_a_drawn_sentence_are_left_out_of_the_draw():
    found = sort_into_cells([("cmn", "hak", "a"), ("cmn", "yue", "b")])
    assert np.unique(bootstrap_means(found, np.array([[1.0, 0.0]]), 50)).tolist() == [0, 0.5, 1]


def test_bootstrap_is_the_slow_one():
    """Each draw as a list of queries that stand in it several times."""
    asked = queries(("a", "b", "c", "d", "e"), 4)
    found, chance = sort_into_cells(asked), np.random.default_rng(3)
    hits = chance.integers(0, 2, len(asked)).astype(float)
    chance = np.random.default_rng(0)
    sentences, varieties = (chance.multinomial(n, np.full(n, 1 / n), 20) for n in (4, 5))
    expected = []
    for s, v in zip(sentences, varieties, strict=True):
        weighted = {}
        for (source, target, sentence), hit in zip(asked, hits, strict=True):
            weight = v["abcde".index(source)] * v["abcde".index(target)]
            weighted.setdefault((source, target, weight), []).extend([hit] * s[int(sentence)])
        means = [np.mean(drawn) for (*_, weight), drawn in weighted.items() for _ in range(weight)]
        expected.append(np.mean(means))
    np.testing.assert_allclose(bootstrap_means(found, hits[None], 20)[:, 0], expected)


def test_blocks_do_not_show(monkeypatch):
    found = sort_into_cells(queries(THREE, 5))
    values = np.random.default_rng(0).random((2, len(found.cell)))
    whole = bootstrap_means(found, values, 100)
    monkeypatch.setattr("fangyan.measure.bootstrap.BLOCK", 6 * 7)
    assert whole.shape == (100, 2)
    np.testing.assert_allclose(bootstrap_means(found, values, 100), whole)


def coverage(found, simulate, times: int = 150) -> float:
    """How often the interval has the true mean, 1/2, in it."""
    chance = np.random.default_rng(0)
    inside = 0
    for n in range(times):
        hits = chance.random(len(found.cell)) < simulate(chance)
        (low,), (high,) = interval(bootstrap_means(found, hits[None], 200, n))
        inside += low <= 0.5 <= high
    return inside / times


def test_intervals_cover_where_sentences_differ():
    asked = queries(THREE, 40)
    sentence = np.array([int(sentence) for *_, sentence in asked])

    def easy_and_hard(chance):
        return chance.choice([0.1, 0.9], 40)[sentence]

    assert 0.88 <= coverage(sort_into_cells(asked), easy_and_hard) <= 0.99
    # As if every query were a sentence of its own: too sure.
    naive = sort_into_cells([(*pair, f"{n}") for n, (*pair, _) in enumerate(asked)])
    assert coverage(naive, easy_and_hard) < 0.8


def test_intervals_cover_where_varieties_differ_too(monkeypatch):
    asked = queries("abcdefghijkl", 30)
    found = sort_into_cells(asked)
    sentence = np.array([int(sentence) for *_, sentence in asked])
    source, target = found.ends[found.cell // 30].T

    def effects(chance):
        a, b, s = (chance.uniform(-0.15, 0.15, n) for n in (12, 12, 30))
        return 0.5 + a[source] + b[target] + s[sentence]

    assert found.clusters == "30 sentences x 12 varieties"
    assert coverage(found, effects) >= 0.88
    monkeypatch.setattr("fangyan.measure.bootstrap.ENOUGH", 13)
    assert found.clusters == "30 sentences"
    assert coverage(found, effects) < 0.8


def test_varieties_are_drawn_from_five_a_side():
    assert sort_into_cells(queries("abcd", 2)).varieties == 0
    assert sort_into_cells(queries("abcde", 2)).varieties == 5
    few_sources = [query for query in queries("abcdefg", 2) if query[0] in "abcd"]
    assert sort_into_cells(few_sources).varieties == 0


def test_permutation_by_enumeration():
    """Against all 2^10 flips; and where every sentence speaks for a, only two of them are as far."""
    asked = queries(THREE[:2], 10)
    found = sort_into_cells(asked)
    difference = np.random.default_rng(1).integers(-1, 2, len(asked)).astype(float) + 0.2
    by_sentence = difference.reshape(2, 10).mean(0)
    flips = 1 - 2 * (np.arange(1024)[:, None] >> np.arange(10) & 1)
    exact = (abs(flips @ by_sentence) >= abs(by_sentence.sum()) - 1e-12).mean()
    assert 0.05 < exact < 0.95
    assert permutation(found, difference, 20000) == pytest.approx(exact, abs=0.015)
    assert permutation(found, np.ones(len(asked)), 20000) == pytest.approx(2 / 1024, abs=0.001)


def test_p_values_are_uniform_where_systems_are_exchangeable():
    found, chance = sort_into_cells(queries(THREE, 30)), np.random.default_rng(2)
    shared = [chance.choice([-1.0, 0.0, 1.0], 30) for _ in range(200)]  # the same in all six pairs
    ps = np.array([permutation(found, np.tile(d, 6), 300, n) for n, d in enumerate(shared)])
    assert 0.01 <= (ps <= 0.05).mean() <= 0.1 and 0.4 <= (ps <= 0.5).mean() <= 0.6


def test_one_sentence_is_not_enough():
    with pytest.raises(DataError, match="needs at least 2 of them, got 0"):
        sort_into_cells(queries(THREE, 1))
