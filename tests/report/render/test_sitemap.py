"""`fangyan.report.render.sitemap`: where the dots are, which colours and shapes they have, and when there is no map."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.report.read import results
from fangyan.report.render import sitemap
from fangyan.report.render.sitemap import MapSite
from fangyan.report.sections import breakdown

from ..fabricated import SITES, data_directory, report, scores, three_varieties


def test_a_map_shows_where_the_varieties_are_and_how_well_they_are_found(exp):
    three_varieties(exp, *SITES)
    data = data_directory(
        exp / "data" / "test", {"s": "我"}, groups=dict(zip(SITES, ("n", "w", "y"), strict=True))
    )
    found = results.read(exp, "dev", ["test"], data=data)
    assert breakdown.sites(found, "test") == [
        MapSite("03E88", "n", 116.4, 39.91, pytest.approx((0.1 + 0.2 + 0.3 + 0.5) / 4)),
        MapSite("04G96", "w", 121.52, 31.26, pytest.approx((0.1 + 0.6 + 0.3 + 0.4) / 4)),
        MapSite("32C89", "y", 114.16, 22.29, pytest.approx((0.5 + 0.6 + 0.2 + 0.4) / 4)),
    ]
    axes = sitemap.draw(breakdown.sites(found, "test"), "test").axes[0]
    assert [dots.get_offsets().tolist() for dots in axes.collections] == [
        [[116.4, 39.91]],
        [[121.52, 31.26]],
        [[114.16, 22.29]],
    ]
    assert [float(dots.get_array()[0]) for dots in axes.collections] == pytest.approx([27.5, 35, 42.5])
    assert axes.get_aspect() == pytest.approx(1.1685, abs=1e-4)  # 1 / cos(31.153 degrees)
    text = report(exp, "dev", ["test"], data=data).read_text()
    assert "](<images/map.png>)" in text and (exp / "images" / "map.png").exists()
    assert "coloured by mean R@1: from 27.5 % (03E88) to 42.5 % (32C89)." in text
    assert "no known place" not in text


def test_varieties_without_a_place_are_left_out_of_the_map_and_counted(exp, unrendered):
    codes = (*SITES, "99X99", "cmn")
    for name in ("dev", "test"):
        scores(exp / "retrieval" / name, {"layer01": [0.5] * 20}, codes)
    text = report(exp, "dev", ["test"]).read_text()
    assert "Map of 3 varieties" in text
    assert "Shape: group. 2 of 5 varieties have no known place and are left out." in text


def test_there_is_no_map_of_two_places(exp, unrendered):
    three_varieties(exp, *SITES[:2], "cmn")
    assert "images/map.png" not in report(exp, "dev", ["test"]).read_text()


def test_sites_of_more_groups_than_shapes_look_alike():
    sites = [MapSite(f"{n}", f"g{n}", 100 + n, 30, 0.5) for n in range(len(sitemap.SHAPES) + 1)]
    assert not sitemap.draw(sites, "test").legends and set(sitemap.shapes_of(sites).values()) == {"o"}
    assert len(sitemap.draw(sites[1:], "test").legends[0].get_texts()) == len(sitemap.SHAPES)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_the_classes_of_the_map_hold_every_site_and_are_percent(values):
    edges = sitemap._edges(values)
    assert len(edges) == 6 and len({b - a for a, b in pairwise(edges)}) == 1
    assert 0 <= edges[0] <= min(values) and max(values) <= edges[-1] <= 100


def test_the_classes_of_the_map_are_as_narrow_as_the_sites_allow():
    assert sitemap._edges([62.0, 66.9]) == [62, 63, 64, 65, 66, 67]
    assert sitemap._edges([62.0, 67.1]) == [62, 64, 66, 68, 70, 72]
    assert sitemap._edges([100.0]) == [95, 96, 97, 98, 99, 100]
    assert sitemap._edges([4.0, 81.0]) == [0, 20, 40, 60, 80, 100]
