"""`fangyan.report.sections.explain`: the section "Hits and misses"."""

import base64

from fangyan.report import report

from ..fabricated import CHARACTERS, DOT, explained
from ..reading import Page


def test_hits_and_misses_say_what_was_found_and_which_characters_did_it(exp):
    explained(exp)
    text = report(exp, "dev", ["test"]).read_text()
    assert text.index("## Sentence by") < text.index("## Hits and misses") < text.index("## Meaning or sound")
    section = text.split("## Hits and misses\n")[1].split("\n## ")[0].strip().split("\n\n")
    most = "Most to precision: 吃 0.40, 饭 0.20, 我 0.10; to recall: 食 0.50, &lt;b> 0.25."
    asked, found, wrong = "(我吃早饭)", "(食&lt;b>)", "the best wrong one"
    assert section[2::2] == [
        f"Hit: cmn-a {asked} finds its translation yue-a {found}. SeqSim 0.900, 0.250 ahead of {wrong}. {most}",
        f"Hit: yue-b {asked} finds its translation cmn-b {found}. SeqSim 0.800, 0.125 ahead of {wrong}. {most}",
        f"Miss: cmn-d {asked} finds yue-e {found}. SeqSim 0.750, 0.062 ahead of its translation. {most}",
        f"The same query cmn-d {asked} with its translation yue-d {found}. SeqSim 0.688. {most}",
    ]
    assert [line.rpartition("/")[2] for line in section[1:-1:2]] == [
        *("hit1.png>)", "hit2.png>)", "miss1_wrong.png>)", "miss1_right.png>)"),
    ]
    assert section[-1] == "All 5 pictures of test, with tables of frames and characters: explain/test/."
    assert (exp / "images" / "miss1_wrong.png").read_bytes() == DOT
    assert not (exp / "images" / "hit3.png").exists()
    page = Page(exp / "report.html")
    links = [value for tag, key, value in page.attributes if (tag, key) == ("img", "src")]
    assert links.count("data:image/png;base64," + base64.b64encode(DOT).decode()) == 4
    assert page.classes.count("paper") == 4


def test_explanations_without_characters_and_of_further_sets(exp, unrendered):
    explained(exp, characters=CHARACTERS.splitlines()[0])
    explained(exp, name="far")
    text = report(exp, "dev", ["test", "far"]).read_text()
    hit = "Hit: cmn-a finds its translation yue-a. SeqSim 0.900, 0.250 ahead of the best wrong one."
    assert f"{hit} No characters were found in it." in text
    assert "](<images/hit1_far.png>)" in text and (exp / "images" / "hit1_far.png").exists()


def test_without_explanations_there_is_no_section_of_them(made):
    assert "Hits and misses" not in made.read_text()
