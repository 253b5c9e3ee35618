from pathlib import Path

import pytest

from fangyan import corpora
from fangyan.config import compose
from fangyan.corpora.mixture.plan import Mixture, MixturePart, find, read
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT

MIXTURES = sorted(ROOT.glob("conf/mixtures/*.yaml"))


def stated(folder: Path, text: str) -> Path:
    (folder / "mixture.yaml").write_text(text)
    return folder / "mixture.yaml"


def test_a_mixture_says_what_it_is_made_of(tmp_path):
    file = stated(
        tmp_path,
        "wording: text_cmn\ndev_utterances: 20\nlongest: 30\ncorpora:\n  aishell:\n  two:\n    corpus: kespeech\n"
        "    options: {phases: 1}\n    hours: 0.5\n    weight: 2\n  yubao: {options: {allow_missing: true}}\n",
    )
    assert read(file) == Mixture(
        parts=(
            MixturePart("aishell", "aishell"),
            MixturePart("two", "kespeech", ("phases=1",), 0.5, 2),
            MixturePart("yubao", "yubao", ("allow_missing=true",)),
        ),
        wording="text_cmn",
        dev_utterances=20,
        longest=30,
    )
    assert read(stated(tmp_path, "corpora: {aishell: }\n")) == Mixture(
        (MixturePart("aishell", "aishell"),), "text", 500
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wording: text\n", r"corpora are some, .*parts=\(\)"),
        ("corpora: [aishell]\n", r"yaml: corpora: expected names with values, got \['aishell'\]"),
        ("corpora: {aishell: 3}\n", r"aishell: expected names with values, got 3"),
        ("corpora: {aishell: {options: all}}\n", r"aishell: options: expected names with values, got 'all'"),
        ("corpora: {aishell: {hour: 1}}\n", r"aishell: unknown key 'hour': did you mean 'hours'"),
        ("corpora: {aishell: {hours: 0}}\n", r"aishell: hours is a number above 0, got 0"),
        ("corpora: {aishell: {weight: yes}}\n", r"aishell: weight is a number above 0, got True"),
        ("corpora: {aishell: }\ndev_utterances: few\n", r"dev_utterances is a number above 0, got 'few'"),
        ("corpora: {aishell: }\nwording: ipa\n", r"wording is one of text text_cmn, got .*'ipa'"),
        ("corpora: {aishell: }\ndev: 3\n", r"unknown key 'dev'"),
        ("corpora: {test: {corpus: aishell}}\n", r"test: a part has a name .* that is not that of a set"),
        ("corpora: {my-part: {corpus: aishell}}\n", r"my-part: a part has a name of letters, digits and _"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(stated(tmp_path, text))


@pytest.mark.parametrize("path", MIXTURES, ids=lambda path: path.stem)
def test_mixtures_of_the_repository_name_corpora_and_options_there_are(path):
    for part in read(path).parts:
        corpora.options(part.corpus, part.options)


def test_the_example_of_corpora_yaml_names_what_the_recipe_needs():
    example = compose(ROOT / "egs2/sinitic/emb1/conf/corpora.yaml.example")
    assert set(example) == {part.corpus for part in read(ROOT / "conf/mixtures/sinitic.yaml").parts}


TWO = Mixture((MixturePart("one", "aishell"), MixturePart("two", "aishell"), MixturePart("mdcc", "mdcc")))


def test_corpora_lie_where_the_user_says(tmp_path):
    roots = tmp_path / "corpora.yaml"
    roots.write_text(f"aishell: {tmp_path}\nmdcc:\ntat: /nowhere\n")
    assert find(TWO, roots) == {"aishell": tmp_path, "mdcc": None}


def test_all_that_is_missing_is_told_at_once_with_how_to_get_it(tmp_path):
    roots = tmp_path / "corpora.yaml"
    roots.write_text(f"aishell: {tmp_path / 'gone'}\n")
    with pytest.raises(UserError) as caught:
        find(TWO, roots)
    message = str(caught.value)
    assert "2 of the 2 corpora of the mixture are missing" in message
    assert (
        f"aishell: {tmp_path / 'gone'} is no folder.\nWhere to get it: https://www.openslr.org/33" in message
    )
    assert "mdcc: no folder is named.\nWhere to get it: https://github.com/HLTCHKUST/cantonese-asr" in message
    assert "Citation" not in message and "`aishell: null` goes without it" in message
    roots.unlink()
    with pytest.raises(UserError, match="2 of the 2"):
        find(TWO, roots)


def test_names_that_are_no_corpus_and_nothing_at_all_are_refused(tmp_path):
    roots = tmp_path / "corpora.yaml"
    roots.write_text("aishel: /corpora\n")
    with pytest.raises(DataError, match="unknown key 'aishel': did you mean 'aishell'"):
        find(TWO, roots)
    roots.write_text("aishell: null\nmdcc: null\n")
    with pytest.raises(UserError, match="all corpora of the mixture are null"):
        find(TWO, roots)


@pytest.mark.parametrize("name", corpora.names())
def test_every_corpus_tells_where_to_get_it(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: no folder is named\.\nWhere to get it: \S+"):
        find(Mixture((MixturePart("part", name),)), tmp_path / "corpora.yaml")
