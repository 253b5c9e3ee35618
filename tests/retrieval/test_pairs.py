from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.datadir import Utterance
from fangyan.retrieval.pairs import Scorer, comparable_pairs, shared
from fangyan.similarity import choose


def spoken(**sentences: str) -> dict[str, list[Utterance]]:
    """Varieties by their sentences, one letter each."""
    return {
        variety: [
            Utterance(f"{variety}-{n:02}", "", "", variety, variety, sentence)
            for n, sentence in enumerate(said)
        ]
        for variety, said in sentences.items()
    }


def heard(varieties, seed=0) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {
        u.id: chance.standard_normal((n % 3 + 2, 4)).astype(np.float32)
        for members in varieties.values()
        for n, u in enumerate(members)
    }


def test_what_two_varieties_share(tmp_path):
    varieties = spoken(a="xyzx", b="zxq", c="q")
    assert [u.id for u in shared(varieties, "a", "b")] == ["a-00", "a-02", "a-03"]
    assert [u.id for u in shared(varieties, "b", "a")] == ["b-00", "b-01"]
    assert comparable_pairs(tmp_path, varieties) == (
        [("a", "b")],
        [{"source": "a", "target": "c", "sentences": 0}, {"source": "b", "target": "c", "sentences": 1}],
    )


letters = st.text("abcdefgh", min_size=2, max_size=8)


@settings(deadline=None, max_examples=30)
@given(
    letters, letters, st.sampled_from(["seqsim", "precision", "pooled"]), st.sampled_from(["none", "centre"])
)
def test_the_scores_are_those_of_the_full_matrix(a, b, name, normalisation):
    if len(set(a) & set(b)) < 2:
        return
    varieties, score = spoken(a=a, b=b), choose(name, normalisation)
    features = heard(varieties)
    sides = [score.prepare({u.id: features[u.id] for u in varieties[v]}) for v in "ab"]
    rows, columns = (
        [n for n, u in enumerate(varieties[v]) if u in shared(varieties, v, w)] for v, w in ("ab", "ba")
    )
    forth, back = Scorer(features, varieties, score).both_ways("a", "b")
    torch.testing.assert_close(forth, score.compare(*sides)[rows][:, columns], atol=1e-6, rtol=0)
    torch.testing.assert_close(back, score.compare(*sides[::-1])[columns][:, rows], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("b", "laid_out"), [("abxyzuvw", [2, 2]), ("abcdefg", [8, 7])])
def test_where_little_is_shared_no_more_than_that_is_scored(b, laid_out):
    """And where most is, each variety is laid out once, whomever it meets."""
    varieties, score, sizes = spoken(a="abcdefgh", b=b, c="abcdefgh"), choose("seqsim"), []

    def counted(features):
        sizes.append(len(features))
        return score.lay_out(features)

    scorer = Scorer(heard(varieties), varieties, replace(score, lay_out=counted))
    scorer.both_ways("a", "b")
    assert sizes == laid_out
    scorer.both_ways("a", "c")
    assert sizes == laid_out + [8] * (2 if laid_out == [2, 2] else 1)
