"""Models by name: a local path as it is, or a download of the Hugging Face Hub, which is kept in its cache."""

from collections.abc import Sequence
from pathlib import Path

from fangyan.errors import UserError


def locate(argument: str, patterns: Sequence[str]) -> Path:
    """The local path ``argument``, or the folder in the cache that holds its files of the Hub that match ``patterns``.

    What the cache holds is not downloaded again, and is enough where there is no network. `UserError` where neither a
    path nor the Hub has it says how to get it.
    """
    if Path(argument).exists():
        return Path(argument)
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HTTPError  # of the HTTP library in use

    try:
        return Path(snapshot_download(argument, allow_patterns=list(patterns)))
    except (OSError, ValueError, HTTPError) as error:  # not found, gated, offline, no such form of id
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{argument}: no such path here, and the Hugging Face Hub did not give it ({reason}). Where there is a "
            f"network: `hf download {argument} --local-dir DIR`, then name DIR instead; for a gated or private model "
            f"`hf auth login` first. Downloads lie in {constants.HF_HUB_CACHE}, which HF_HOME moves"
        ) from None


def content(files: Sequence[Path], argument: str) -> list[Path | str]:
    """What stands for the content of ``files`` in a fingerprint: themselves, or what the cache of the Hub calls them.

    The cache names the content of a file by its hash, which saves reading gigabytes again.
    """
    cached = not Path(argument).exists()
    return [f"{path.name} {path.resolve().name}" if cached and path.is_symlink() else path for path in files]
