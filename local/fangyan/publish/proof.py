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


def prove(archive: Path) -> None:
    """Raises an exception unless the model writes something down and both forms of its encoder agree exactly."""
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(archive, folder)
        alone = _hear(folder, noise)
        for name in bare.FILES:
            (folder / name).unlink()
        whole = _hear(folder, noise)
    if list(alone) != list(whole) or not all(np.array_equal(alone[name], whole[name]) for name in whole):
        raise DataError(f"{archive}: the encoder alone has other features than the whole model")
    _recognise(archive, noise)


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
    """`prove`, its verdict in one line on stderr."""
    try:
        prove(Path(sys.argv[1]))
    except Exception as error:  # whatever it is: it does not load
        sys.exit(f"{type(error).__name__}: {error}".partition("\n")[0])


if __name__ == "__main__":
    main()
