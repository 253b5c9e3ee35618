"""What other packages add, and what they cannot take."""

import pytest
from fangyan.extensions import installed, load

from fangyan.errors import UserError


def test_what_is_taken_stays_ours_and_the_rest_loads_when_it_is_asked_for(package):
    package("more", "[fangyan.things]\nours = more:one\ntheirs = more:two", "one, two = 1, 2\n")
    found = installed("fangyan.things", {"ours": None})
    assert list(found) == ["theirs"] and load(found["theirs"], "thing") == 2
    assert installed("fangyan.other things", ()) == {}


@pytest.mark.parametrize("place", ["absent", "more:absent"])
def test_what_does_not_load_is_named_with_its_package(package, place):
    package("more", f"[fangyan.things]\ntheirs = {place}", "")
    with pytest.raises(UserError, match="thing 'theirs' of more does not load: .*absent"):
        load(installed("fangyan.things", ())["theirs"], "thing")
