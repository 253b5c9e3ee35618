"""What every encoder promises, whichever family it is of: the protocol of `fangyan.encoders`."""

import espnet_models
import firered_models
import numpy as np
import pytest

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders import FAMILIES, identity, load_encoder
from fangyan.encoders.choice import JOINT, of_frames
from fangyan.encoders.facts import facts, longest
from fangyan.errors import DataError, UserError
from fangyan.features.dump import dump, read_features
from fangyan.features.embedding import embed

LENGTHS = (16_000, 9_001, 20_479, 16_000, 12_345)
TEXTS = ("我吃饭", "我", "你看书你看书", "你喝水", "query: 我")
"""As many, of unlike and of like length."""

TRANSFORMERS = {
    "wav2vec2": (2, 50),
    "wav2vec2-stable": (2, 50, "norm"),
    "wav2vec2-adapter": (2, 50, "norm"),
    "mms": (2, 50, "norm"),
    "hubert": (2, 50),
    "hubert-stable": (2, 50, "norm"),
    "hubert-batch-norm": (2, 50),
    "wavlm": (2, 50),
    "wavlm-stable": (2, 50, "norm"),
    "unispeech": (2, 50),
    "unispeech-sat": (2, 50, "norm"),
    "w2v-bert": (2, 50),
    "w2v-bert-adapter": (2, 50),
    "conformer": (2, 50, "norm"),
    "data2vec": (2, 50),
    "sew": (2, 25),
    "sew-d": (2, 25),
    "speech2text": (2, 25, "norm"),
    "whisper": (2, 50, "norm"),
}
"""Tiny model -> its blocks, frames a second, and the norm where there is one."""


SPOKEN = [*(name for name in FAMILIES if name not in ("hf", "text")), *TRANSFORMERS]
SPOKEN += [*espnet_models.TINY, *espnet_models.KINDS]
of_speech = pytest.mark.parametrize("spec", SPOKEN, indirect=True)
of_text = pytest.mark.parametrize("spec", ["text"], indirect=True)


@pytest.fixture(scope="module", params=[*SPOKEN, "text"])
def spec(request):
    """One SPEC of each family, each architecture of transformers, each class and each kind of model of ESPnet."""
    if request.param == "text":
        return f"text:{request.getfixturevalue('tiny_sentence')}"
    if request.param == "llm":
        return f"llm:{request.getfixturevalue('tiny_dual')}"
    if request.param in TRANSFORMERS:
        return f"hf:{request.getfixturevalue('tiny')(request.param)}"
    if request.param in espnet_models.TINY:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("espnet") / "exp"
        described = espnet_models.settings(request.param, espnet_models.TINY[request.param][0])
        return f"espnet:{espnet_models.experiment(described, folder)}"
    if request.param in espnet_models.KINDS:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("kind")
        espnet_models.build_kind(request.param, folder)
        return f"espnet:{espnet_models.pack_kind(request.param, folder)}"
    if request.param == "firered":
        return (
            f"firered:{firered_models.build(request.getfixturevalue('tmp_path_factory').mktemp('firered'))}"
        )
    trained = request.param in ("espnet", "random")
    return f"{request.param}:{request.getfixturevalue('job').exp}" if trained else request.param


@pytest.fixture(scope="module")
def encoder(spec):
    return load_encoder(spec, "cpu", "text" if spec.startswith("text:") else "speech")


@pytest.fixture
def items(encoder, noise):
    """What the encoder takes, five of it."""
    return TEXTS if encoder.modality == "text" else noise(*LENGTHS)


def test_layers_have_names_in_depth_order(encoder):
    assert encoder.layers
    of_blocks = of_frames(encoder.layers)
    assert of_blocks == sorted(set(of_blocks))
    assert [*encoder.layers] == of_blocks + [JOINT] * (len(encoder.layers) - len(of_blocks))


def test_facts_without_weights_are_what_the_loaded_encoder_says_of_itself(spec, encoder, items):
    found = facts(spec)
    assert (found.layers, found.frame_rate) == (encoder.layers, encoder.frame_rate)
    assert found.width == encoder.encode(items[:1])[-1][0].shape[1]
    assert found.batched == encoder.masked
    assert (found.recommended, found.modality) == (encoder.recommended, encoder.modality)
    if found.modality == "speech":
        assert found.longest == longest(encoder.heard)


def test_features_are_those_of_the_lone_item_in_any_batch(encoder, items):
    batch, turned = encoder.encode(items), encoder.encode(items[::-1])
    assert len(batch) == len(encoder.layers)
    for n, item in enumerate(items):
        for layer, alone in enumerate(encoder(item).values()):
            assert np.isfinite(alone).all()
            assert alone.std() > 0
            for found in (batch[layer][n], turned[layer][-1 - n]):
                assert (found.dtype, found.shape) == (np.float32, alone.shape)
                assert np.allclose(found, alone, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def recorded(noise, tmp_path_factory):
    """A data directory of noise of several lengths, and texts."""
    folder, utterances = tmp_path_factory.mktemp("recorded"), []
    for n, (wave, text) in enumerate(zip(noise(*LENGTHS), TEXTS, strict=True)):
        audio.write(folder / f"{n}.wav", wave)
        texts = {"text": text, "speaker": f"u{n}", "variety": "cmn", "sentence": f"s{n}"}
        utterances.append(Utterance(f"u{n}", str(folder / f"{n}.wav"), **texts, duration=len(wave) / 16_000))
    datadir.write(folder / "data", utterances)
    return folder / "data"


@of_speech
def test_dump_and_embed_write_the_features_of_the_lone_recording(spec, encoder, recorded, tmp_path):
    dump(spec, [recorded], tmp_path)
    embed(spec, [recorded], tmp_path / "embedded.npz", encoder.layers[-1])
    embedded = np.load(tmp_path / "embedded.npz")
    dumped = {layer: read_features(tmp_path / "data", layer) for layer in encoder.layers}
    for key, wav in datadir.read_map(recorded / "wav.scp").items():
        alone = encoder(audio.read(wav))
        for layer, features in alone.items():
            assert np.allclose(dumped[layer][key], features, rtol=1e-4, atol=1e-4)
        assert np.allclose(embedded[key], features, rtol=1e-4, atol=1e-4)


@of_text
def test_dump_writes_the_features_of_the_lone_text_and_embed_refuses_it(spec, encoder, recorded, tmp_path):
    dump(spec, [recorded], tmp_path, column="text")
    dumped = {layer: read_features(tmp_path / "data", layer) for layer in encoder.layers}
    for key, text in datadir.read_map(recorded / "text").items():
        for layer, features in encoder(text).items():
            assert np.allclose(dumped[layer][key], features, rtol=1e-4, atol=1e-4)
    for refused in (
        lambda: embed(spec, [recorded], tmp_path / "embedded.npz"),
        lambda: dump(spec, [recorded], tmp_path / "spoken"),
    ):
        with pytest.raises(UserError, match=f"^encoder {spec} takes text, got speech for it"):
            refused()


@of_speech
def test_frames_follow_time_at_the_stated_rate(encoder, noise):
    (second, three), *others = encoder.encode(noise(16_000, 48_000))
    assert abs(len(three) - len(second) - 2 * encoder.frame_rate) <= 1
    assert abs(len(second) - encoder.frame_rate) < 2  # the last window has to fit in
    of_blocks = [frames for layer, frames in zip(encoder.layers[1:], others, strict=True) if layer != JOINT]
    assert all((len(a), len(b)) == (len(second), len(three)) for a, b in of_blocks)


@of_speech
def test_an_utterance_without_a_frame_is_refused(encoder, noise):
    with pytest.raises(DataError, match="399"):
        encoder.encode(noise(16_000, 399))


def test_identity_is_that_of_the_content(spec):
    assert identity(spec) == identity(spec)
    assert set(identity(spec)) == {"family", "files"}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_layers_of_transformers_models_are_the_blocks_and_the_norm(name, tiny):
    encoder = load_encoder(f"hf:{tiny(name)}", "cpu")
    blocks, rate, *norm = TRANSFORMERS[name]
    assert encoder.layers == (*(f"layer{n:02d}" for n in range(blocks + 1)), *norm)
    assert encoder.frame_rate == rate


@pytest.mark.parametrize(
    "name", sorted({*TRANSFORMERS} - {"whisper", "wav2vec2-adapter", "w2v-bert-adapter"})
)
def test_layers_are_what_transformers_calls_hidden_states(name, tiny, noise):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    model = AutoModel.from_pretrained(tiny(name)).eval()
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    (wave,) = noise(16_000)
    inputs = AutoFeatureExtractor.from_pretrained(tiny(name))(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        expected = model(inputs[model.main_input_name], output_hidden_states=True)
    found = load_encoder(f"hf:{tiny(name)}", "cpu")(wave)
    wanted = dict(zip(found, expected.hidden_states, strict=False))
    if "norm" in found:  # of encoder-decoder models, transformers gives it in place of the last block
        wanted |= {"norm": expected.last_hidden_state}
    if model.config.is_encoder_decoder:
        del wanted["layer02"]
    assert len(wanted) == len(found) - model.config.is_encoder_decoder
    for layer, of_layer in wanted.items():
        assert np.allclose(found[layer], of_layer[0].numpy(), rtol=1e-4, atol=1e-4)
