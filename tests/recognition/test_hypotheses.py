import pytest

from fangyan import shards
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.recognition.hypotheses import LOG, Hypotheses, Hypothesis, finish
from fangyan.shards import Shard

INPUTS = {"model": "m"}


@pytest.fixture
def utterances(tmp_path):
    return [Utterance(key, str(tmp_path / f"{key}.wav"), "我", key, "cmn", "s", 1.5) for key in "abc"]


def written(home, utterances, part, unheard="b"):
    """The hypotheses of a shard, all of them there."""
    shard = part.of(utterances)
    found = Hypotheses(part.folder(home), INPUTS, shard)
    for u in shard[len(found) :]:
        reason = "too short" if u.id in unheard else ""
        found.append(Hypothesis(u.id, "" if reason else f"{u.id} 我", reason))
        (found.folder / LOG).write_text(f"log of {part}\n")
    return found


def test_shares_are_one_text_in_order_and_what_was_not_heard_is_listed(utterances, tmp_path, capsys):
    home = tmp_path / "out/test"
    parts = [
        written(home, utterances, part) for part in Shard(0, 4).shards()
    ]  # the last one has nothing to do
    finish(home, INPUTS, utterances, parts)
    assert (home / "text").read_text() == "a a 我\nb \nc c 我\n"
    assert (home / LOG).read_text() == "log of 1/4\nlog of 2/4\nlog of 3/4\n"
    assert (home / ".unheard.tsv").read_text().split("\n")[1] == f"b\t{tmp_path}/b.wav\t1.5\ttoo short"
    assert f"{home}: 1 of 3 utterances could not be heard" in capsys.readouterr().err
    assert [path.name for path in home.parent.iterdir()] == ["test"]


def test_hypotheses_of_other_utterances_do_not_count(utterances, tmp_path):
    home = tmp_path / "out/test"
    written(home, utterances, shards.WHOLE)
    assert len(Hypotheses(shards.WHOLE.folder(home), INPUTS, utterances[1:])) == 0
    assert len(Hypotheses(shards.WHOLE.folder(home), INPUTS, utterances[:1])) == 1


def test_a_set_of_which_nothing_was_heard_is_refused(utterances, tmp_path):
    parts = [written(tmp_path / "out/test", utterances, shards.WHOLE, unheard="abc")]
    with pytest.raises(
        DataError, match=r"none of 3 utterances could be heard, the first: utterance a, 1.500 s"
    ):
        finish(tmp_path / "out/test", INPUTS, utterances, parts)
