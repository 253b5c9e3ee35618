"""What is handed on with a model names nothing of the machine that it was trained on."""

from fangyan.encoders.carrying import copy_record, portable_name
from fangyan.files import read_json, write_json


def test_of_a_path_that_is_here_others_get_the_last_part_and_of_anything_else_all(tmp_path):
    (tmp_path / "llm").mkdir()
    assert portable_name(f"{tmp_path}/llm") == "llm"
    assert portable_name(f"espnet:{tmp_path}/llm") == "espnet:llm"
    assert portable_name("espnet:user/name@main") == "espnet:user/name@main"
    assert portable_name("openai/whisper-base") == "openai/whisper-base"


def test_the_record_of_a_training_is_the_same_but_for_the_path_that_it_began_from(tmp_path):
    record = {"dev_set": "dev", "init": f"espnet:{tmp_path}", "seed": 1}
    write_json(tmp_path / "train.json", record)
    copy_record(tmp_path, tmp_path / "pack")
    assert read_json(tmp_path / "pack/train.json") == record | {"init": f"espnet:{tmp_path.name}"}
    write_json(tmp_path / "train.json", {"seed": 1})
    copy_record(tmp_path, tmp_path / "pack")
    assert (tmp_path / "pack/train.json").read_bytes() == (tmp_path / "train.json").read_bytes()


def test_a_model_without_such_a_record_is_handed_on_without(tmp_path):
    copy_record(tmp_path, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
