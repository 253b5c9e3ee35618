"""espeak-ng reads the three varieties, the same way every time."""

import subprocess
import sys
import time

import numpy as np
import pytest

from fangyan.corpora import mini_sinitic
from fangyan.errors import UserError
from fangyan.ipa.espeak import Voice, ipa, respell_hakka, synthesise, version

GREETINGS = (("cmn-latn-pinyin", "你好吗"), ("yue", "佢喺邊度"), ("hak", "ngài oi hi"))
VARIANTS = sorted({variant for variants in mini_sinitic.VOICES.values() for variant in variants})
VOICES = [(text, Voice(f"{voice}+{variant}", 180, 40)) for voice, text in GREETINGS for variant in VARIANTS]


def test_speech_is_22050_hz_audible_and_whole():
    samples, rate = synthesise("今天下雨", Voice("cmn-latn-pinyin", 175, 50))
    assert rate == 22050
    assert samples.dtype == np.float32
    assert 0.5 * rate < len(samples) < 3 * rate
    assert 0.02 < np.abs(samples).max() <= 1


def test_speech_does_not_depend_on_what_was_said_before():
    forwards = {voice: synthesise(text, voice)[0] for text, voice in VOICES}
    backwards = {voice: synthesise(text, voice)[0] for text, voice in reversed(VOICES)}
    for _, voice in VOICES:
        np.testing.assert_array_equal(forwards[voice], backwards[voice])


def test_speech_is_the_same_in_a_process_that_said_nothing_before():
    breathy = Voice("yue+Reed", 180, 40)  # Klatt's synthesiser takes its noise from the C library
    command = [
        sys.executable,
        "-c",
        "import sys; from fangyan.ipa.espeak import *; "
        "sys.stdout.buffer.write(synthesise('佢喺邊度', Voice('yue+Reed', 180, 40))[0].tobytes())",
    ]
    for text, voice in VOICES[:3]:
        synthesise(text, voice)
    assert (
        subprocess.run(command, capture_output=True, check=True).stdout
        == synthesise("佢喺邊度", breathy)[0].tobytes()
    )


def test_rate_pitch_and_variant_are_heard():
    plain, slow, high, other = (
        synthesise("今天下雨", Voice(f"cmn-latn-pinyin+{variant}", rate, pitch))[0]
        for variant, rate, pitch in (("m1", 180, 40), ("m1", 120, 40), ("m1", 180, 70), ("f1", 180, 40))
    )
    assert len(slow) > 1.2 * len(plain)
    for changed in (high, other):
        assert len(changed) != len(plain) or not np.array_equal(changed, plain)


def test_speech_does_not_depend_on_the_clock():
    breathy = Voice("yue+f5", 180, 40)  # its noise is seeded with the time in seconds, if nobody seeds it
    first = synthesise("佢喺邊度", breathy)[0]
    time.sleep(1.1)
    np.testing.assert_array_equal(first, synthesise("佢喺邊度", breathy)[0])


@pytest.mark.parametrize(
    ("voice", "text", "expected"),
    [
        ("cmn-latn-pinyin", "他们", "tʰa˥ mə˩n"),  # the neutral tone is low
        ("cmn-latn-pinyin", "水", "ʂwei˨˩˦"),
        ("yue", "佢食飯", "kʰɵy˩˧ si˨k fa˨n"),  # the final k is not aspirated
        ("hak", "ngài sṳ̍t phon", "ŋai˩ sɨ˥t pʰo˥n"),
        ("hak", "m̀ he", "m̩˩ he˥"),
    ],
)
def test_ipa_keeps_the_tones(voice, text, expected):
    assert ipa(text, voice) == expected


def test_text_that_the_voice_cannot_read_is_refused():
    with pytest.raises(UserError, match=r"phones\.tsv: no IPA for .* of voice hak"):
        ipa("食飯", "hak")


def test_ipa_of_nothing_is_nothing_and_of_several_phrases_is_refused():
    assert ipa("", "yue") == ""
    with pytest.raises(UserError, match="one phrase without punctuation, got '你好，再见'"):
        ipa("你好，再见", "cmn-latn-pinyin")


def test_unknown_voice_is_refused():
    with pytest.raises(UserError, match="no voice 'klingon-x'"):
        synthesise("nuqneH", Voice("klingon-x"))


@pytest.mark.parametrize(
    ("pfs", "expected"),
    [
        ("khiu-ngièn", "khyu ngièn"),
        ("khiung-ha", "khyung ha"),
        ("lia̍p", "lya̍p"),
        ("liuk", "liuk"),
        ("chiú", "chiú"),
        ("kiéu-é", "kiéu é"),
    ],
)
def test_respelling_changes_only_what_would_lose_its_tone(pfs, expected):
    assert respell_hakka(pfs) == expected


def test_version_is_that_of_the_library():
    assert version().startswith("1.")
