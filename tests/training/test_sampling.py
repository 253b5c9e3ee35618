from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.training import sampling
from fangyan.training.sampling import Pool, draw_epoch, read_pool, translations


def of(durations, varieties, weights=None):
    """A pool of utterances named by their numbers."""
    names = sorted(set(varieties))
    index = np.array([names.index(variety) for variety in varieties])
    return Pool(
        [str(n) for n in range(len(durations))],
        np.array(durations, float),
        names,
        index,
        np.array(weights or [1.0] * len(durations)),
    )


def batches(indices, sizes, most, fewest, random):
    """Batches of single utterances, an array each."""
    made = sampling.batches([*np.asarray(indices)[:, None]], sizes, most, fewest, random)
    return [np.concatenate(batch) for batch in made]


# Mandarin has 9 hours in three utterances, Cantonese 1 in one.
FEW = of([3, 3, 3, 1], ["cmn", "cmn", "cmn", "yue"])


@pytest.mark.parametrize(
    ("power", "shares", "expected"),
    [
        (1.0, (0.9, 0.1), [1, 1, 1, 1]),
        (0.5, (0.75, 0.25), [5 / 6, 5 / 6, 5 / 6, 2.5]),  # 3 : 1, of 10 hours
        (0.0, (0.5, 0.5), [5 / 9, 5 / 9, 5 / 9, 5]),
    ],
)
def test_a_variety_is_heard_by_a_power_of_its_hours(power, shares, expected):
    assert FEW.shares(power) == pytest.approx(dict(zip(("cmn", "yue"), shares, strict=True)))
    assert FEW.expected(power) == pytest.approx(expected)


def test_an_epoch_is_as_long_as_all_utterances_or_as_many_times_that():
    assert FEW.expected(0.3) @ FEW.durations == pytest.approx(10)
    assert FEW.expected(0.3, 1.5) @ FEW.durations == pytest.approx(15)


def test_a_weight_counts_hours_and_utterances_of_its_corpus_so_many_times():
    # Mandarin: 3 h that count double and 3 h of another corpus, 9 in all; Cantonese: 1 h.
    weighted = of([3, 3, 1], ["cmn", "cmn", "yue"], [2.0, 1.0, 1.0])
    assert weighted.shares(0.5) == pytest.approx({"cmn": 0.75, "yue": 0.25})
    often = weighted.expected(0.5)
    assert often[0] == pytest.approx(2 * often[1])


def slow_expected(durations, varieties, weights, power):
    """By the definition: a variety has H^power of the time, its utterances share it by their weights."""
    hours = {v: 0.0 for v in varieties}
    for d, v, w in zip(durations, varieties, weights, strict=True):
        hours[v] += w * d
    time = {v: sum(durations) * h**power / sum(x**power for x in hours.values()) for v, h in hours.items()}
    return [time[v] * w / hours[v] for v, w in zip(varieties, weights, strict=True)]


UTTERANCE = st.tuples(
    st.floats(0.1, 30), st.sampled_from(["cmn", "yue", "hak"]), st.sampled_from([0.5, 1, 3])
)


@given(st.lists(UTTERANCE, min_size=1, max_size=30), st.floats(0, 1))
def test_expectations_are_those_of_the_definition(utterances, power):
    durations, varieties, weights = map(list, zip(*utterances, strict=True))
    expected = of(durations, varieties, weights).expected(power)
    assert expected == pytest.approx(slow_expected(durations, varieties, weights, power))


@given(st.lists(st.floats(0, 4), min_size=1, max_size=40), st.integers(0, 99))
def test_each_utterance_is_drawn_as_often_as_expected_rounded_up_or_down(expected, seed):
    counts = Counter(draw_epoch(np.array(expected), np.random.default_rng(seed)).tolist())
    assert all(np.floor(e) <= counts[n] <= np.ceil(e) for n, e in enumerate(expected))
    assert abs(sum(counts.values()) - sum(expected)) < 1 + 1e-9


def test_draws_are_right_on_average_and_equal_for_equal_seeds():
    expected = np.array([0.25, 1.0, 2.5, 0.05])
    counts = [np.bincount(draw_epoch(expected, np.random.default_rng(n)), minlength=4) for n in range(4000)]
    assert np.mean(counts, 0) == pytest.approx(expected, abs=0.03)
    again = [np.bincount(draw_epoch(expected, np.random.default_rng(n)), minlength=4) for n in range(50)]
    assert np.array_equal(counts[:50], again)


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=60),
    st.integers(500, 3000),
    st.integers(1, 4),
    st.integers(0, 9),
)
def test_batches_hold_everything_once_and_no_more_than_fits(sizes, most, fewest, seed):
    sizes = np.array(sizes)
    made = batches(np.arange(len(sizes)), sizes, most, fewest, np.random.default_rng(seed))
    assert sorted(np.concatenate(made)) == list(range(len(sizes)))
    assert all(len(batch) >= fewest for batch in made) or len(made) == 1
    for batch in made[:-1]:  # the last may have taken up what was too little for a batch
        assert len(batch) * sizes[batch].max() <= most or len(batch) == fewest
    lengths = [sizes[batch] for batch in made]
    assert all(a.min() * 1.1 >= b.max() * (1 - 1e-9) for a, b in pairwise(lengths))


def test_batches_are_of_similar_lengths_and_repetitions_fall_into_several():
    sizes = np.array([100] * 50 + [1000] * 5)
    indices = np.repeat(np.arange(55), 4)
    made = batches(indices, sizes, 2000, 1, np.random.default_rng(1))
    assert {len(set(sizes[batch])) for batch in made[:-1]} == {1}
    assert [len(batch) for batch in made] == [2] * 10 + [20] * 10
    assert np.mean([len(set(batch.tolist())) / len(batch) for batch in made]) > 0.8


@pytest.fixture
def data(tmp_path):
    (tmp_path / "utt2lang").write_text("a-1 cmn\nb-1 yue\nb-2 yue\n")
    return tmp_path


def test_a_pool_is_read_from_a_data_directory(data):
    found = read_pool(data, {"a-1": 16_000, "b-2": 8_000})
    assert (list(found.keys), found.varieties, found.of.tolist()) == (["a-1", "b-2"], ["cmn", "yue"], [0, 1])
    assert found.weights.tolist() == [1, 1]
    (data / "utt2corpus").write_text("a-1 one\nb-1 two\nb-2 two\n")
    (data / "corpus2weight").write_text("one 1\ntwo 0.5\n")
    assert read_pool(data, {"a-1": 16_000, "b-2": 8_000}).weights.tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("utt2lang", "a-1 cmn\n", r"utt2lang: a value for each of 2 ids, got none for b-1"),
        ("utt2corpus", "a-1 one\n", r"utt2corpus: a value for each of 2 ids, got none for b-1"),
        ("corpus2weight", "one 1\n", r"corpus2weight: a value for each of 2 ids, got none for two"),
        ("corpus2weight", "one 1\ntwo much\n", r"corpus2weight: a weight is a number above 0, got 'much'"),
        ("corpus2weight", "one 0\ntwo 1\n", r"corpus2weight: a weight is a number above 0, got '0'"),
    ],
)
def test_gaps_and_weights_that_are_none_are_refused(data, file, content, message):
    (data / "utt2corpus").write_text("a-1 one\nb-1 two\n")
    (data / "corpus2weight").write_text("one 1\ntwo 1\n")
    (data / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read_pool(data, {"a-1": 1, "b-1": 1})


@given(
    sizes=st.lists(st.integers(1, 10_000), min_size=1, max_size=60),
    world=st.integers(1, 8),
    seed=st.integers(0, 9),
)
def test_the_shares_of_all_ranks_are_the_epoch_and_no_rank_goes_without(sizes, world, seed):
    def epoch():
        return batches(np.arange(len(sizes)), np.array(sizes), 20_000, world, np.random.default_rng(seed))

    ranks = [[batch[rank::world] for batch in epoch()] for rank in range(world)]  # each draws for itself
    assert len({len(shares) for shares in ranks}) == 1
    assert sorted(np.concatenate([share for shares in ranks for share in shares])) == list(range(len(sizes)))
    if len(sizes) >= world:
        assert all(len(share) for shares in ranks for share in shares)


def test_translations_are_grouped_in_rounds_of_different_varieties():
    # Sentence 0 in varieties 0, 0, 1, 2; sentence 1 in variety 0 alone.
    sentences, varieties = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 2, 0])
    for seed in range(20):
        groups = translations(np.arange(5), sentences, varieties, 3, np.random.default_rng(seed))
        assert sorted(len(group) for group in groups) == [1, 1, 3]
        (three,) = (group for group in groups if len(group) == 3)
        assert sorted(varieties[three]) == [0, 1, 2] and set(sentences[three]) == {0}


DRAWN = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=40)


@given(DRAWN, st.integers(1, 4), st.integers(0, 9))
def test_groups_hold_all_that_was_drawn_and_one_sentence_each(drawn, most, seed):
    sentences, varieties = np.array(drawn).T
    indices = np.repeat(np.arange(len(drawn)), 2)  # an utterance may be drawn twice
    groups = translations(indices, sentences, varieties, most, np.random.default_rng(seed))
    assert sorted(np.concatenate(groups)) == sorted(indices)
    assert all(1 <= len(group) <= most and len(set(sentences[group])) == 1 for group in groups)
    again = translations(indices, sentences, varieties, most, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip(groups, again, strict=True))


@given(DRAWN, st.integers(1, 4), st.integers(1, 3), st.integers(0, 9))
def test_batches_keep_groups_whole_and_within_the_limit(drawn, together, fewest, seed):
    sentences, varieties = np.array(drawn).T
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 500, len(drawn))
    groups = translations(np.arange(len(drawn)), sentences, varieties, together, random)
    made = sampling.batches(groups, sizes, 3000, fewest, random)
    assert sorted(tuple(g) for batch in made for g in batch) == sorted(map(tuple, groups))
    for batch in made[:-1]:
        members = np.concatenate(batch)
        assert len(members) * sizes[members].max() <= 3000 or len(batch) == fewest
    assert all(len(batch) >= fewest for batch in made) or len(made) == 1
