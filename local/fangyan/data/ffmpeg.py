"""Recordings that libsndfile does not read, as phones and browsers write them, decoded by ffmpeg where it is installed.

It is called as a program, for every such file: the bytes of its first sound track come as 16 kHz mono from a pipe, and
nothing is left on the disk. It may read that file alone: a playlist that calls itself a recording fetches nothing.
"""

import os
import shutil
import subprocess
from pathlib import Path
from shlex import quote

import numpy as np

from fangyan.errors import DataError

SUFFIXES = (".m4a", ".m4b", ".aac", ".mp4", ".mov", ".3gp", ".3gpp", ".3g2", ".amr", ".awb", ".webm", ".weba")
SUFFIXES += (".mka", ".mkv", ".wma", ".ac3", ".mp2", ".spx", ".ape", ".tta", ".wv")
COMMAND = ("-nostdin", "-v", "error", "-protocol_whitelist", "file", "-i")
"""What ffmpeg is told before the file, and after it: the first sound track alone, as 16 bits."""
TO_PIPE = ("-map", "0:a:0", "-f", "s16le", "-acodec", "pcm_s16le", "-ac", "1", "-ar")


def is_for_ffmpeg(path: str | Path) -> bool:
    """Whether a file is one that ffmpeg is to decode, as its suffix says."""
    return os.path.splitext(os.fspath(path))[1].lower() in SUFFIXES


def decode(path: str | Path, rate: int) -> np.ndarray:
    """The samples of a file: (N,) float32 in [-1, 1], mono, of ``rate`` Hz.

    `DataError` where ffmpeg is not installed, with what to do, and where it cannot decode the file.
    """
    program = shutil.which("ffmpeg")
    if not program:
        name, wav = quote(Path(path).name), quote(f"{Path(path).stem}.wav")
        raise DataError(
            f"{path}: not readable as audio without ffmpeg: install ffmpeg, or convert it elsewhere: "
            f"ffmpeg -i {name} {wav}"
        )
    file = b"file:" + os.fsencode(path)  # whatever its name begins with
    run = subprocess.run(
        [program, *COMMAND, file, *TO_PIPE, str(rate), "pipe:1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {run.returncode}"]
        raise DataError(f"{path}: not readable as audio (ffmpeg: {said[-1].strip()})")
    return np.frombuffer(run.stdout, "<i2").astype(np.float32) / 2**15
