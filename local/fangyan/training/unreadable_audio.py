"""Recordings and vectors that cannot be read, named: of those, ESPnet only says that there is one."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fangyan.data import audio, datadir
from fangyan.errors import DataError, UserError


@contextmanager
def name_unreadable(sets: Collection[Path]) -> Iterator[None]:
    """While it is open, a recording of the data directories ``sets`` that cannot be read is named in a `DataError`."""
    import soundfile

    try:
        yield
    except soundfile.SoundFileError:
        for read in (audio.probe, audio.read):  # headers first, which takes a moment
            for data in sets:
                _try_all(data, read)
        raise


@contextmanager
def archives_named(scps: Collection[Path]) -> Iterator[None]:
    """While it is open, a vector or matrix of Kaldi's tables ``scps`` that cannot be read is named in a `DataError`."""
    try:
        yield
    except UserError:
        raise
    except Exception:
        for scp in scps:
            _try_archive(scp)
        raise


def _try_archive(scp: Path) -> None:
    from espnet2.train.dataset import kaldi_loader

    values = kaldi_loader(str(scp))
    for n, key in enumerate(datadir.read_map(scp), 1):
        try:
            values[key]
        except Exception as error:  # of whatever kind: any bytes may stand there
            raise DataError(
                f"{scp}:{n}: no matrix or vector of Kaldi for utterance {key} ({error})"
            ) from None


def _try_all(data: Path, read: Callable[[str], object]) -> None:
    for n, (key, wav) in enumerate(datadir.read_map(data / "wav.scp").items(), 1):
        try:
            read(wav)
        except DataError as error:
            raise DataError(f"{data / 'wav.scp'}:{n}: {error} (utterance {key})") from None
