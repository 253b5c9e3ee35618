import re

from fangyan.varieties import group_of, varieties


def test_the_table_holds_the_facts():
    table = varieties()
    assert table["yue"].english == "Cantonese"
    assert all(
        re.fullmatch("[a-z]{3}", v.iso) and re.fullmatch(r"[a-z]{4}\d{4}", v.glottocode)
        for v in table.values()
    )
    assert len({v.glottocode for v in table.values()}) == len(table)


def test_a_variety_has_a_group_and_a_site_is_its_own():
    assert group_of("hak") == "hakka"
    assert group_of("04G96") == "04G96"
