"""`fangyan.measure.retrieval.tables`: what every layer of a table has to have."""

import pytest

from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Pair, check_pairs


def pairs(*places: str) -> list[Pair]:
    return [Pair(*place, 9, 1, 1, 1, 1, 1, 0.1) for place in places]


def test_every_layer_has_the_same_ordered_pairs_once(tmp_path):
    check_pairs(tmp_path, pairs("lab", "lba", "mba", "mab"))
    with pytest.raises(DataError, match="one row a layer and pair, got l a b twice"):
        check_pairs(tmp_path, pairs("lab", "lab"))
    with pytest.raises(DataError, match="every layer has the same ordered pairs, got others in m than in l"):
        check_pairs(tmp_path, pairs("lab", "mac"))
