"""`fangyan.mteb`: models and tasks by the evaluator of MTEB itself, against our own measure of the same."""

import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

import fangyan.mteb as ours
from fangyan.data import audio, datadir
from fangyan.encoders import Encoder
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.features.at_layer import AtLayer
from fangyan.measure.retrieval import retrieve
from fangyan.measure.retrieval.tables import Pair
from fangyan.tables import read_rows


@pytest.fixture(scope="module")
def mteb():
    pytest.importorskip(
        "mteb.abstasks", reason="mteb, an optional extra, is not installed: utils/setup.sh mteb"
    )
    import mteb

    return mteb


def test_without_mteb_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb.abstasks", None)
    for needed in (lambda: ours.model("mfcc"), lambda: ours.task("data/test")):
        with pytest.raises(UserError, match=r"models and tasks of MTEB need mteb: .*pip install .*\[mteb\]"):
            needed()


@pytest.mark.usefixtures("mteb")
class TestInstalled:
    """What needs mteb."""

    @pytest.fixture
    def uneven(self, sung, tmp_path):
        """A data directory in which Mandarin has sentence 0 twice, and Hakka lacks sentence 1."""
        utterances = {u.id: u for u in datadir.read(sung["test"])}
        del utterances["haktest-s01"]
        again = tmp_path / "again.wav"
        audio.write(again, 0.7 * audio.read(utterances["cmntest-s00"].wav)[500:])
        twice = replace(utterances["cmntest-s00"], id="cmntest-s00b", wav=str(again))
        datadir.write(tmp_path / "uneven", [*utterances.values(), twice])
        return tmp_path / "uneven"

    @pytest.mark.parametrize("spec", ["mfcc", "fbank"])
    def test_its_evaluator_finds_the_r_at_1_of_pooled_retrieval(self, mteb, uneven, tmp_path, spec):
        found = mteb.evaluate(ours.model(spec), [ours.task(uneven)], cache=None, show_progress_bar=False)
        (result,) = found.task_results
        scores = {row["hf_subset"]: row["main_score"] for row in result.scores["test"]}
        dump.dump(spec, [uneven], tmp_path / "feats")
        retrieve(tmp_path / "feats", [uneven], tmp_path / "pooled", "pooled")
        pairs = read_rows(tmp_path / "pooled/uneven/pairs.tsv", Pair)
        assert len(scores) == 6 and {pair.n for pair in pairs} == {7, 8, 9}
        due = {f"{pair.source}->{pair.target}": pair.recall_at_1 for pair in pairs}
        assert scores == pytest.approx(due, abs=1e-6)  # six digits in the file
        assert result.get_score() == pytest.approx(sum(due.values()) / 6, abs=1e-6)
        assert (
            result.get_score() > 0 or spec == "mfcc"
        )  # of which rounding decides whether anything is found here

    def test_a_directory_that_was_not_prepared_is_enough(self, mteb, uneven, tmp_path, capsys):
        raw = tmp_path / "raw"
        raw.mkdir()
        shutil.copy(uneven / "utt2lang", raw)
        shutil.copy(uneven / "utt2sent", raw)
        with (raw / "segments").open("w") as segments, (raw / "wav.scp").open("w") as scp:
            for utterance in datadir.read(uneven):
                samples = audio.read(utterance.wav)
                wav = raw / f"{utterance.id}.wav"
                audio.write(wav, np.concatenate([np.zeros(8_000, np.float32), samples]))
                scp.write(f"r-{utterance.id} {wav}\n")
                segments.write(f"{utterance.id} r-{utterance.id} 0.5 {0.5 + len(samples) / 16_000}\n")
        with (raw / "utt2lang").open("a") as table:
            table.write("zzz yue\n")
        name = ours.task(raw).metadata.name
        (raw / "segments").write_text((raw / "segments").read_text().replace(" 0.5 ", " 0.50 "))
        assert ours.task(raw).metadata.name != name  # by which results are filed
        a, b = (
            mteb.evaluate(ours.model("fbank"), [ours.task(data)], cache=None, show_progress_bar=False)
            for data in (uneven, raw)
        )
        x, y = (
            {row["hf_subset"]: row["main_score"] for row in found.task_results[0].scores["test"]}
            for found in (a, b)
        )
        assert x == y
        assert f"{raw}: left out: 1 no segment" in capsys.readouterr().err

    def test_a_task_is_filed_under_the_content_of_its_data_and_a_model_under_that_of_its_files(
        self, sung, uneven
    ):
        a, b = ours.task(sung["test"]), ours.task(str(uneven))
        assert a.metadata.name.startswith("CrossVarietyRetrieval.test.")
        assert a.metadata.name != b.metadata.name and a.metadata.revision != b.metadata.revision
        assert a.metadata.eval_langs["yue->cmn"] == ["yue-Zxxx", "cmn-Zxxx"]
        assert set(a.languages) == {"cmn", "hak", "yue"} and "CrossVarietyRetrieval.test." in repr(a)
        a.load_data()
        a.unload_data()
        assert a.metadata.name.startswith("CrossVarietyRetrieval.test.")  # a task can be run again
        assert a.filter_languages(None, hf_subsets=["yue->cmn"]).hf_subsets == ["yue->cmn"]
        x, y = (ours.model(spec).mteb_model_meta for spec in ("fbank", "mfcc"))
        assert (x.name, y.name) == ("fangyan/fbank-fbank", "fangyan/mfcc-mfcc")
        assert x.revision != y.revision and x.modalities == ["audio"]

    def test_vectors_are_mean_frames_in_the_order_of_the_recordings_each_encoded_once(self, monkeypatch):
        from fangyan.mteb import pooled

        encoded = []

        class Plain(Encoder):
            layers, frame_rate = ("x",), 16_000.0

            def encode(self, waves):
                if any(not wave.any() for wave in waves):
                    raise DataError("silence")
                encoded.extend(len(wave) for wave in waves)
                return [[np.stack([wave, 2 * wave], 1) for wave in waves]]

        monkeypatch.setattr(pooled, "load_at_layer", lambda spec, layer: AtLayer(Plain(), layer))
        model = pooled.PooledEncoder("mfcc")

        def recording(*samples: float) -> dict:
            return {"array": np.array(samples), "sampling_rate": 16_000}

        short, long, both = recording(0.5), recording(0, 0.5, 0.25), recording(-0.5, 0.25)
        found = model.encode([{"audio": [short, long]}, {"audio": [short, both], "id": ["a", "b"]}])
        np.testing.assert_array_equal(found, [[0.5, 1], [0.25, 0.5], [0.5, 1], [-0.125, -0.25]])
        assert found.dtype == np.float32 and sorted(encoded) == [1, 2, 3]
        with pytest.raises(DataError, match="utterance c, 0.0 s: silence"):
            model.encode([{"audio": [short, recording(0, 0)], "id": ["a", "c"]}])

    def test_recordings_of_other_rates_and_channels_become_mono_at_16_khz(self):
        from fangyan.mteb.pooled import wave

        stereo = wave({"array": [[1, 0.5, 0], [0, 0.5, 1]], "sampling_rate": 16_000})
        np.testing.assert_array_equal(stereo, np.float32([0.5, 0.5, 0.5]))
        assert wave({"array": np.ones(480), "sampling_rate": 48_000}).shape == (160,)

    def test_a_query_is_first_unless_a_wrong_candidate_comes_within_a_tie(self):
        from fangyan.mteb.retrieval import is_first

        right = {"a": 1, "b": 1}
        assert is_first({"a": 0.1, "b": 0.9, "c": 0.8}, right)
        assert not is_first({"b": 0.9, "c": 0.9}, right)
        assert not is_first({"b": 0.9, "c": 0.9 - 1e-7}, right)
        assert not is_first({"c": 0.1}, right)  # the right ones are not even among the best thousand

    def test_varieties_have_the_codes_that_mteb_knows(self):
        from fangyan.mteb.retrieval import language

        found = [language(code) for code in ("yue", "cmn-beijing", "eng", "village")]
        assert found == ["yue-Zxxx", "cmn-Zxxx", "eng-Zxxx", "mis-Zxxx"]

    def test_mistakes(self, sung, tmp_path):
        with pytest.raises(UserError, match="unknown encoder 'mfc', did you mean mfcc"):
            ours.model("mfc")
        with pytest.raises(UserError, match="no layer 'layer99' in mfcc"):
            ours.model("mfcc", "layer99")
        with pytest.raises(DataError, match=f"{tmp_path}/gone"):
            ours.task(tmp_path / "gone")
        shutil.copytree(sung["test"], tmp_path / "one")
        lines = (tmp_path / "one/utt2lang").read_text().splitlines()
        (tmp_path / "one/utt2lang").write_text("".join(f"{line.split()[0]} yue\n" for line in lines))
        with pytest.raises(DataError, match="retrieval needs two varieties that share at least 2 sentences"):
            ours.task(tmp_path / "one")
