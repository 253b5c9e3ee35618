"""Whether a packed model loads: run as a process of its own, away from the recipe that it was packed in."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import bare, load_encoder
from fangyan.encoders.espnet_model import inference, settings_of, writes_text
from fangyan.encoders.text_side import teacher_of
from fangyan.errors import DataError
from fangyan.files import unpack

SENTENCE = "我吃饭"


def prove(archive: Path) -> None:
    """Raises an exception unless the model writes something down and both forms of its encoder agree exactly."""
    wave = noise()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(archive, folder)
        alone = _hear(folder, wave)
        for name in bare.FILES:
            (folder / name).unlink()
        whole = _hear(folder, wave)
    if list(alone) != list(whole) or not all(np.array_equal(alone[name], whole[name]) for name in whole):
        raise DataError(f"{archive}: the encoder alone has other features than the whole model")
    _recognise(archive, wave)


def prove_same(folder: Path, wanted: Path) -> None:
    """Raises an exception unless a language model that reads units gives what stands in a file.

    That are the features of a noise by layer, and the vector of a sentence as ``text``.
    """
    encoder = load_encoder(f"llm:{folder}", "cpu")
    found = encoder(noise()) | {"text": encoder.embed_text([SENTENCE])}
    with np.load(wanted) as given:
        if {*given} != {*found} or not all(
            np.allclose(given[name], found[name], atol=1e-5) for name in found
        ):
            raise DataError(f"{folder}: other features than those of the experiment")


def noise() -> np.ndarray:
    """A second of noise."""
    return np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)


def _hear(folder: Path, wave: np.ndarray) -> dict[str, np.ndarray]:
    """What a form of the model in ``folder`` makes of a recording by layer, and what it would make of texts.

    The latter is told by its teacher and by what is done to the vectors of texts; the teacher itself need not be here.
    """
    encoder = load_encoder(f"espnet:{folder}", "cpu")
    if encoder.joint is None:
        return encoder(wave)
    settings = settings_of(f"{folder}")
    told = np.array([teacher_of(settings, folder), f"{settings.get('teacher_prefix')}"])
    to_texts = {f"{name} of texts": buffer.numpy() for name, buffer in encoder.joint.named_buffers()}
    return encoder(wave) | to_texts | {"teacher": told}


def _recognise(archive: Path, wave: np.ndarray) -> None:
    """ESPnet's own way to a packed model that writes text: what it unpacks to is what its decoding is built from."""
    from espnet2.main_funcs import pack_funcs

    with TemporaryDirectory() as folder:
        model = pack_funcs.unpack(archive, folder)
        config, checkpoint = (Path(model[name]) for name in ("asr_train_config", "asr_model_file"))
        if writes_text(config):
            inference(config, checkpoint, beam_size=1, maxlenratio=-3)(wave)


def main() -> None:
    """`prove` of an archive, `prove_same` of a folder and a file; the verdict in one line on stderr."""
    places = [Path(word) for word in sys.argv[1:]]
    try:
        (prove if len(places) == 1 else prove_same)(*places)
    except Exception as error:  # whatever it is: it does not load
        sys.exit(f"{type(error).__name__}: {error}".partition("\n")[0])


if __name__ == "__main__":
    main()
