"""What is said when: units cut at the bounds of labels, whatever their rate."""

import numpy as np

from fangyan.measure.units.stretches import Stretch, cut


def test_units_are_cut_at_the_same_times_whatever_their_rate():
    found = [
        (label, units.tolist())
        for label, units in cut(np.arange(10), [Stretch("我", 0.35), Stretch("吃", 1.0)])
    ]
    assert found == [("我", [0, 1, 2, 3]), ("吃", [4, 5, 6, 7, 8, 9])]
    assert [label for label, _ in cut(np.arange(2), [Stretch("我", 0.1), Stretch("吃", 1.0)])] == ["吃"]
