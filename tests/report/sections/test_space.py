"""The section on the joint space: what the picture shows in words, or that something is lacking."""

import numpy as np

from fangyan.encoders.text_side import Teacher
from fangyan.report.read import results
from fangyan.report.read.space import Taught, plane
from fangyan.report.render.tables import run_facts
from fangyan.report.sections import space

TAUGHT = Taught(Teacher("intfloat/e5", False, "query: ", "mit"), {"asr": 0.15, "info_nce": 2.0})


def with_space(exp, **fields):
    from dataclasses import replace

    return replace(results.read(exp, "dev", ["test"]), **fields)


def test_the_caption_has_the_sentences_by_their_numbers(exp):
    texts = {"s1": np.array([1.0, 0]), "s2": np.array([0, 1.0])}
    found = plane({"s1": "我吃饭", "s2": ""}, texts, {"u": ("yue", "s1", np.array([1.0, 0.1]))})
    (picture,) = space.blocks(with_space(exp, spaces={"test": found}))
    assert picture.name == "space"
    assert "Utterances (Cantonese (yue)) and texts of the first 2 sentences of test" in picture.caption
    assert ": 1 我吃饭; 2 s2. Two principal components, with 100.0 % of the variance" in picture.caption


def test_what_is_lacking_is_said_of_a_model_with_a_teacher_alone(exp):
    assert [*space.blocks(with_space(exp))] == []
    (said,) = space.blocks(with_space(exp, taught=TAUGHT))
    assert said.endswith("run the stage measure.")


def test_the_facts_name_teacher_and_objectives(exp):
    rows = dict(run_facts(with_space(exp, taught=TAUGHT)).rows)
    assert (rows["teacher"], rows["objectives"]) == ("intfloat/e5", "asr 0.15, info_nce 2")
