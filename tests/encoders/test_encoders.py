import numpy as np
import pytest

from fangyan.encoders import Encoder, identity, load_encoder
from fangyan.errors import DataError, UserError


@pytest.mark.parametrize("spec", ["", "whisper", "fbankk", "/some/path"])
def test_an_unknown_spec_is_answered_with_the_known_forms(spec):
    for function in (load_encoder, identity):
        with pytest.raises(UserError, match=r"known forms are espnet:.*hf:.*fbank, mfcc"):
            function(spec)


def test_identity_tells_families_apart():
    assert identity("fbank") != identity("mfcc")
    assert identity("fbank") == identity("fbank")


FAMILY = """\
from pathlib import Path

from fangyan.encoders import Encoder


class Loudness(Encoder):
    layers, frame_rate = ("loudness",), 100.0

    def __init__(self, scale):
        self.scale = scale

    def encode(self, waves):
        frames = [wave[: len(wave) // 160 * 160].reshape(-1, 160) for wave in waves]
        return [[self.scale * (x**2).mean(1, keepdims=True) for x in frames]]


def load(argument, device):
    return Loudness(float(Path(argument).read_text()) if argument else 1)
"""
FILES = """

def files(argument):
    return [Path(argument)] if argument else []
"""


@pytest.fixture
def install(package):
    """A function that installs a package with these entry points and this text of its module loud_speech."""

    def write(entries: str, module: str = FAMILY, version: str = "1.0") -> None:
        package("loud_speech", f"[fangyan.encoders]\n{entries}", module, version)

    return write


def test_an_installed_package_adds_a_family(install, noise):
    install("loud = loud_speech")
    encoder = load_encoder("loud")
    (wave,) = noise(16_000)
    assert encoder(wave)["loudness"].shape == (100, 1)
    assert encoder(wave)["loudness"][0, 0] == pytest.approx((wave[:160] ** 2).mean())
    with pytest.raises(UserError, match="fbank, mfcc, loud$"):
        load_encoder("quiet")


def test_its_features_are_made_again_when_its_files_its_argument_or_its_version_change(install, tmp_path):
    scale = tmp_path / "scale"
    scale.write_text("2")
    install("loud = loud_speech", FAMILY + FILES)
    found = [identity(f"loud:{scale}"), identity("loud")]
    scale.write_text("3")
    found.append(identity(f"loud:{scale}"))
    install("loud = loud_speech", FAMILY, version="1.1")
    found += [identity("loud"), identity("loud:x")]
    assert [of["version"] for of in found] == ["1.0", "1.0", "1.0", "1.1", "1.1"]
    assert len({str(of) for of in found}) == 5


def test_a_name_that_is_taken_here_stays_ours(install):
    before = identity("fbank")
    install("fbank = loud_speech")
    assert load_encoder("fbank").layers == ("fbank",)
    assert identity("fbank") == before


@pytest.mark.parametrize("entry", ["loud = absent_module", "loud = loud_speech:absent"])
def test_a_family_that_does_not_load_is_named(install, entry):
    install(entry)
    with pytest.raises(UserError, match="encoder 'loud' of loud_speech does not load: .*absent"):
        load_encoder("loud")


class Overflow(Encoder):
    layers, frame_rate = ("layer00", "layer01"), 1.0

    def encode(self, waves):
        return [[np.ones((2, 1), np.float32) / scale for _ in waves] for scale in (1, 0)]


def test_features_that_are_no_numbers_leave_no_encoder(noise):
    with np.errstate(divide="ignore"):
        for call in (lambda waves: Overflow()(waves[0]), Overflow().encode_finite):
            with pytest.raises(DataError, match="features are finite numbers, got others .* layer01"):
                call(noise(16_000, 9_001))


@pytest.mark.parametrize("name", ["a+b", "a|b", "a/b", "..", ".a", "a b", "a\tb", "", "a\u200bb"])
def test_a_layer_that_could_not_be_asked_for_is_refused(install, name):
    install("loud = loud_speech", FAMILY.replace('("loudness",)', repr(("low", name))))
    with pytest.raises(DataError, match=r"^encoder loud: layers are words .* got ") as told:
        load_encoder("loud")
    assert str(told.value).endswith(repr(name))


def test_layers_are_some_and_each_is_one(install):
    for names, odd in ((("a", "b", "a"), "'a' twice"), ((), "'none'"), ((3,), "3")):
        install("loud = loud_speech", FAMILY.replace('("loudness",)', repr(names)))
        with pytest.raises(DataError, match=rf"got {odd}$"):
            load_encoder("loud")
    install("loud = loud_speech", FAMILY.replace('"loudness"', '"blocks.9", "层:x-1"'))
    assert load_encoder("loud").layers == ("blocks.9", "层:x-1")


def test_an_encoder_is_given_only_what_it_takes(install):
    install(
        "loud = loud_speech", FAMILY.replace("    layers, frame", '    modality = "text"\n    layers, frame')
    )
    assert load_encoder("loud", modality="text").modality == "text"
    with pytest.raises(
        UserError, match=r"^encoder loud takes text, got speech for it: texts are for encoders of text"
    ):
        load_encoder("loud")
    with pytest.raises(UserError, match=r"^encoder fbank takes speech, got text for it: "):
        load_encoder("fbank", modality="text")
