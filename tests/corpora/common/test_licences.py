from types import ModuleType

import pytest
import yaml

from fangyan import corpora
from fangyan.corpora.common import licences
from fangyan.corpora.common.licences import UNSTATED, describe, strictest, table
from fangyan.files import ROOT

ALLOWS = {"yes": 0, "no": 1, "unknown": 1}


@pytest.mark.parametrize("name", corpora.names())
def test_every_corpus_states_a_licence_that_the_table_has(name):
    corpus = describe(name)
    assert corpus.licence in table()
    assert corpus.terms.startswith(corpus.licence.name)
    assert corpus.title and corpus.title.endswith((".", "!"))


def test_no_licence_of_the_table_is_without_a_corpus():
    used = {describe(name).licence.name for name in corpora.names()}
    spare = {"CC BY-NC 4.0"}  # of test sets, and of users' own modules
    assert {licence.name for licence in table()} - used == spare


def test_each_licence_allows_at_most_what_the_one_before_it_allows():
    for freer, stricter in zip(table(), [*table()[1:], UNSTATED], strict=True):
        for right in ("redistribution", "commercial", "derivatives"):
            assert ALLOWS[getattr(freer, right)] <= ALLOWS[getattr(stricter, right)], (stricter.name, right)


@pytest.mark.parametrize(
    ("name", "hub", "forbids"),
    [
        ("commonvoice", "cc0-1.0", False),
        ("aishell", "apache-2.0", False),
        ("fleurs", "cc-by-4.0", False),
        ("magicdata", "cc-by-nc-nd-4.0", True),
        ("wenetspeech", "other", False),
        ("wenetspeech_wu", "other", False),
        ("kespeech", "other", True),
        ("kaldi", "other", True),
        ("", "other", True),
        ("nobodys", "other", True),
    ],
)
def test_what_a_licence_means_for_publishing(name, hub, forbids):
    found = describe(name).licence
    assert (found.hub, found.forbids_publishing) == (hub, forbids)


def test_the_open_mixture_may_be_published():
    mixture = yaml.safe_load((ROOT / "conf/mixtures/open.yaml").read_text(encoding="utf-8"))
    assert not [name for name in mixture["corpora"] if describe(name).licence.forbids_publishing]


def test_of_several_corpora_the_most_restrictive_counts():
    described = [describe(name) for name in ("commonvoice", "magicdata", "aishell")]
    assert strictest(described).name == "magicdata"
    assert strictest([*described, describe("kespeech")]).name == "kespeech"
    assert strictest([*described, describe("kaldi"), describe("")]).name == "unknown"


def test_a_description_is_what_the_module_says(monkeypatch):
    module = ModuleType("mine")
    module.__doc__ = """Mine: my own.

    What: things.
    Licence: CC BY 4.0, of all
    of it.
    Where to get it: ``hf download me/mine --repo-type dataset --local-dir DIR``. Citation: Me 2026, Mine.
    """
    monkeypatch.setattr(corpora, "names", lambda: ["mine"])
    monkeypatch.setattr(corpora, "load", lambda name: module)
    found = describe("mine")
    assert (found.title, found.terms, found.citation) == (
        "Mine: my own.",
        "CC BY 4.0, of all of it.",
        "Me 2026, Mine.",
    )
    assert (found.datasets, found.licence.hub) == (("me/mine",), "cc-by-4.0")
    module.__doc__ = "Mine: my own.\n\nWhat: things. Licence: CC BY 4.00 or so."
    assert licences.describe("mine").licence is UNSTATED
