import re

from fangyan.corpora import yubao
from fangyan.data.varieties import coordinates, group_of, varieties


def test_the_table_holds_the_facts():
    table = varieties()
    assert table["yue"].english == "Cantonese"
    assert all(
        re.fullmatch("[a-z]{3}", v.iso) and re.fullmatch(r"[a-z]{4}\d{4}|-", v.glottocode)
        for v in table.values()
    )
    glottocodes = [v.glottocode for v in table.values() if v.glottocode != "-"]
    assert len(set(glottocodes)) == len(glottocodes)
    assert all(code.split("-")[0] == v.iso for code, v in table.items())


def test_a_variety_has_a_group_and_a_site_is_its_own():
    assert group_of("hak") == "hakka"
    assert group_of("04G96") == "04G96"


def test_the_sites_of_the_benchmark_have_a_place_in_china():
    assert coordinates("32C89") == (114.16, 22.29)
    known = {key: coordinates(key) for site in yubao.sites() for key in site.ids}
    assert None not in known.values()
    assert all(100 < x < 125 and 20 < y < 43 for x, y in filter(None, known.values()))
    assert coordinates("cmn") is None
