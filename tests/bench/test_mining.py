"""`fangyan.bench.mining`: both sides find neighbours among the same recordings; no timings."""

import numpy as np

from fangyan.bench.benchmark import Size
from fangyan.bench.mining import ASKED, banks, cut, exhaustive
from fangyan.mining import K
from fangyan.mining.banks import overlapping
from fangyan.mining.nearest import NOBODY, neighbours


def test_every_recording_has_neighbours_on_the_other_side():
    data = banks(Size(utterances=1), "cpu")
    _, sides = data
    assert not overlapping(*(side.stretches for side in sides)).any()
    found = neighbours(sides, ASKED, K, len(sides[1]))
    assert (found["place"] != NOBODY).all() and (np.diff(found["seqsim"]) <= 0).all()
    assert cut(*data) > 0 and exhaustive(*data) > 0
