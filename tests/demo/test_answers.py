from types import SimpleNamespace

import pytest

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.demo.answers import Answers, examples
from fangyan.demo.library import Library
from fangyan.errors import UserError


def spoken(variety, count):
    return [Utterance(f"{variety}{n:02d}", "", "", variety, variety, str(n)) for n in range(count)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"a": 12}, "a01 a03 a05 a07 a09 a11"),
        ({"a": 12, "b": 12}, "a01 b03 a05 b07 a09 b11"),
        ({"a": 1, "b": 2}, "a00 b00 b01"),  # few utterances are each taken once
    ],
)
def test_examples_are_taken_evenly_from_each_variety(counts, expected):
    library = SimpleNamespace(varieties={name: spoken(name, count) for name, count in counts.items()})
    assert sorted(u.id for u in examples(library)) == sorted(expected.split())


def test_many_varieties_have_an_example_each():
    library = SimpleNamespace(varieties={f"v{n}": spoken(f"v{n}", 3) for n in range(9)})
    assert sorted(u.variety for u in examples(library)) == [f"v{n}" for n in range(9)]


def test_an_example_is_looked_for_in_the_other_varieties(library):
    wav, typed, asked, targets = Answers(library).example(0)
    assert not typed
    assert (library.utterances[asked].wav, asked[:3]) == (wav, "cmn")
    assert targets == ["hak", "yue"]


def test_what_cannot_be_searched_is_answered_in_words(library, tmp_path):
    answers = Answers(library)
    assert "24 recordings of 8 sentences, in Mandarin" in answers.find(None, " ", "", ["cmn"])[0]
    wav = library.utterances["cmntest-s00"].wav
    assert answers.find(wav, "", "", []) == ('<p class="message">Choose a variety to look in.</p>', "")
    broken = tmp_path / "broken.wav"
    broken.write_text("no")
    html, shown = answers.find(str(broken), "", "", ["cmn"])
    assert "not readable as audio" in html and str(tmp_path) not in html and not shown
    assert answers.draw(None, "cmntest-s00") == answers.draw(wav, "") == ""


def test_the_picture_is_of_the_best_hit(library):
    answers = Answers(library)
    wav, _, asked, _ = answers.example(0)
    html, shown = answers.find(wav, "", asked, ["yue"])
    assert f'data-hit="{shown}" aria-pressed="true"' in html
    assert "data:image/png;base64,iVBOR" in answers.draw(wav, shown)


def test_a_typed_sentence_finds_what_lies_nearest_in_the_joint_space(reader):
    answers = Answers(reader)
    html, shown = answers.find(None, " 我吃饭 ", "", ["yue"])
    query = reader.read("我吃饭")
    (ranked,) = reader.find(query, ["yue"]).values()
    cosines = {hit.entry.id: hit.cosine for hit in ranked}
    vectors = {u.id: reader.encoder.encoder(audio.read(u.wav))["joint"] for u in reader.varieties["yue"]}
    expected = {key: (vector @ query.frames.T).item() for key, vector in vectors.items()}
    assert cosines == pytest.approx(expected, abs=1e-5) and shown == max(expected, key=expected.get)
    assert "<dt>Typed</dt>" in html and 'class="low"' not in html
    assert answers.draw(None, shown) == ""
    html, shown = answers.find(None, "我" * 20, "", ["yue"])
    assert "reads 16 tokens at once" in html and not shown


def test_a_recording_is_looked_for_frame_by_frame_beside_it(reader):
    wav, _, asked, targets = Answers(reader).example(1)
    html, shown = Answers(reader).find(wav, "", asked, targets)
    assert "The model writes" in html or "Asked" in html
    assert Answers(reader).draw(wav, shown).startswith("<figure")


def test_at_one_vector_an_utterance_nothing_is_drawn(aligned, sung):
    library = Library(f"espnet:{aligned}", sung["test"], "joint")
    assert library.joint is library.index
    answers = Answers(library)
    wav = library.utterances["cmntest-s00"].wav
    assert answers.find(wav, "", "", ["yue"])[1] and answers.draw(wav, "yuetest-s00") == ""


def test_without_its_teacher_a_model_reads_nothing(aligned, sung, monkeypatch, capsys):
    def gone(self):
        raise UserError("exp/a: get it from them")

    monkeypatch.setattr("fangyan.encoders.espnet.ESPnetEncoder.text_side", gone)
    assert Library(f"espnet:{aligned}", sung["test"]).joint is None
    assert "no field for typed sentences: exp/a: get it from them" in capsys.readouterr().err
