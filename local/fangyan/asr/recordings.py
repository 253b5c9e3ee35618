"""Recordings that cannot be read, named: of those, ESPnet only says that there is one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fangyan import audio, datadir
from fangyan.errors import DataError


@contextmanager
def named(sets: Collection[Path]) -> Iterator[None]:
    """While it is open, a recording of the data directories ``sets`` that cannot be read is named in a `DataError`."""
    import soundfile

    try:
        yield
    except soundfile.SoundFileError:
        for read in (audio.probe, audio.read):  # headers first, which takes a moment
            for data in sets:
                _try_all(data, read)
        raise


def _try_all(data: Path, read) -> None:
    for n, (key, wav) in enumerate(datadir.read_map(data / "wav.scp").items(), 1):
        try:
            read(wav)
        except DataError as error:
            raise DataError(f"{data / 'wav.scp'}:{n}: {error} (utterance {key})") from None
