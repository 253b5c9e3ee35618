from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.measure.retrieval.pairs import Scorer, comparable_pairs
from fangyan.measure.retrieval.sides import Side
from fangyan.measure.scores import choose


def spoken(**sentences: str) -> dict[str, Side]:
    """Sides by their sentences, one letter each."""
    return {
        name: Side.of(name, ((f"{name}-{n:02}", sentence) for n, sentence in enumerate(said)))
        for name, said in sentences.items()
    }


def noise(sides: dict[str, Side], seed=0) -> dict[str, dict[str, np.ndarray]]:
    chance = np.random.default_rng(seed)
    return {
        name: {
            key: chance.standard_normal((n % 3 + 2, 4)).astype(np.float32) for n, key in enumerate(side.ids)
        }
        for name, side in sides.items()
    }


def test_which_sides_share_sentences(tmp_path):
    assert comparable_pairs(tmp_path, spoken(a="xyzx", b="zxq", c="q")) == (
        [("a", "b")],
        [{"source": "a", "target": "c", "sentences": 0}, {"source": "b", "target": "c", "sentences": 1}],
    )


def test_sides_that_share_too_little_are_named(tmp_path):
    with pytest.raises(DataError, match="two varieties that share at least 2 sentences .* got a, b$"):
        comparable_pairs(tmp_path, spoken(a="xy", b="yz"))


letters = st.text("abcdefgh", min_size=2, max_size=8)


@settings(deadline=None, max_examples=30)
@given(
    letters, letters, st.sampled_from(["seqsim", "precision", "pooled"]), st.sampled_from(["none", "centre"])
)
def test_the_scores_are_those_of_the_full_matrix(a, b, name, normalisation):
    if len(set(a) & set(b)) < 2:
        return
    sides, score = spoken(a=a, b=b), choose(name, normalisation)
    features = noise(sides)
    whole = [score.prepare(features[side]) for side in "ab"]
    rows, columns = (
        [n for n, sentence in enumerate(sides[v].sentences) if sentence in sides[w].sentences]
        for v, w in ("ab", "ba")
    )
    forth, back = Scorer(sides, features, score).both_ways("a", "b")
    torch.testing.assert_close(forth, score.compare(*whole)[rows][:, columns], atol=1e-6, rtol=0)
    torch.testing.assert_close(back, score.compare(*whole[::-1])[columns][:, rows], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("b", "laid_out"), [("abxyzuvw", [2, 2]), ("abcdefg", [8, 7])])
def test_where_little_is_shared_no_more_than_that_is_scored(b, laid_out):
    """And where most is, each variety is laid out once, whomever it meets."""
    sides, score, sizes = spoken(a="abcdefgh", b=b, c="abcdefgh"), choose("seqsim"), []

    def counted(features):
        sizes.append(len(features))
        return score.lay_out(features)

    scorer = Scorer(sides, noise(sides), replace(score, lay_out=counted))
    scorer.both_ways("a", "b")
    assert sizes == laid_out
    scorer.both_ways("a", "c")
    assert sizes == laid_out + [8] * (2 if laid_out == [2, 2] else 1)
