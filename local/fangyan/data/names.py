"""What may stand in a line of a Kaldi file: ids, names, and paths of recordings."""

import re
import unicodedata

from fangyan.errors import DataError, shown

NOT_PLAIN = {
    re.compile(r"^\||\|\Z|\s\|\s"): "a pipe",
    re.compile(r"\.ark:\d+(\[[\d:,]*\])?\Z"): "a place in an archive",
    re.compile(r"^-\Z"): "standard input",
}
"""What Kaldi takes for audio, and is no file."""
HOME = re.compile(r"^~[^/]*/")
NOT_A_VALUE = re.compile(r"[\0\t\n\r\ud800-\udfff]|^\s*\Z")
"""More than a line, a tab (it ends an id), the name of a file that is not UTF-8, or nothing."""
INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Categories of Unicode: two names that differ by such a character look the same."""


def is_id(key: str) -> bool:
    """Whether a name may be an id: something, without blanks and `INVISIBLE` characters."""
    if key.isprintable():
        return bool(key) and " " not in key
    return not any(unicodedata.category(c) in INVISIBLE | {"Zs"} for c in key)


def is_name(value: str) -> bool:
    """Whether a value may be the name of a variety or sentence: a line without `INVISIBLE` characters."""
    if value.isprintable():
        return bool(value.strip())
    return not any(unicodedata.category(c) in INVISIBLE for c in value) and bool(value.strip())


def plain_path(where: str, wav: str) -> None:
    """Raises a `DataError` where a wav.scp entry is a pipe, in an archive or a home instead of a plain path."""
    kind = next((kind for pattern, kind in NOT_PLAIN.items() if pattern.search(wav)), None)
    if kind:
        raise DataError(
            f"{where}: wav.scp holds plain paths, got {kind} {shown(wav)!r}: write the audio to files first, as "
            "scripts/audio/format_wav_scp.sh --audio-format flac of ESPnet does"
        )
    if HOME.search(wav):
        raise DataError(
            f"{where}: wav.scp holds plain paths, got {wav!r}: only a shell knows ~, write the whole path"
        )


def fits_a_line(path: str) -> bool:
    """Whether wav.scp can hold the path of a file: UTF-8, one line, no spaces around it, no pipe, no archive."""
    odd = (NOT_A_VALUE, HOME, *NOT_PLAIN)
    return path == path.strip() and not any(pattern.search(path) for pattern in odd)
