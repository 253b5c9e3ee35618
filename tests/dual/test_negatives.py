from fangyan.dual.negatives import with_negatives
from fangyan.dual.pairs import Spoken, speech_text


def test_utterances_of_a_sentence_get_the_variants_of_its_text_in_turn():
    texts = {"s1": "他有两个弟弟", "s2": "好"}
    rows = [("a", "s1"), ("b", "s1"), ("c", "s2")]
    spoken = [Spoken(key, "yue", sentence, (1,), texts[sentence]) for key, sentence in rows]
    one, other, same = with_negatives(speech_text(spoken, "cmn"), spoken, "cmn")
    assert one.negative != other.negative
    assert one.other == other.other == "[cmn][text]他有两个弟弟" not in (one.negative, other.negative)
    assert one.negative.startswith("[cmn][text]他")
    assert same.negative == same.other == "[cmn][text]好"  # nothing in it can be changed
