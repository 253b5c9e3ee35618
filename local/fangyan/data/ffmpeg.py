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
        raise DataError(
            f"{path}: not readable as audio without ffmpeg: install ffmpeg, or convert it elsewhere: {command(path)}"
        )
    file = b"file:" + os.fsencode(path)  # whatever its name begins with
    run = subprocess.run(
        [program, *COMMAND, file, *TO_PIPE, str(rate), "pipe:1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if run.returncode:
        raise DataError(f"{path}: not readable as audio ({_reason(run)})")
    return np.frombuffer(run.stdout, "<i2").astype(np.float32) / 2**15


def command(path: str | Path) -> str:
    """What is typed to make a WAV of a file, in its folder."""
    path = Path(path)
    wav = f"{path.stem}.wav" if path.suffix != ".wav" else f"{path.stem}-converted.wav"
    wav = f"./{wav}" if wav.startswith("-") else wav  # no option
    return f"ffmpeg -i {quote(path.name)} {quote(wav)}"


def _reason(run: subprocess.CompletedProcess) -> str:
    """Why ffmpeg did not decode a file: its last line, but for a film without sound, of which it is an advice."""
    lines = run.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {run.returncode}"]
    silent = any("matches no streams" in line for line in lines)
    return "it has no sound track" if silent else f"ffmpeg: {lines[-1].strip()}"
