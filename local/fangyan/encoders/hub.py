"""Models by name: a local path as it is, or a download of the Hugging Face Hub, which is kept in its cache."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from fangyan import experiments
from fangyan.environment import typed
from fangyan.errors import UserError, seen_from

ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?(@\S+)?", re.ASCII)
"""What may be the id of a model on the Hub; few of one word are left from its first years."""
REASONS = {
    401: f"the token is missing or not accepted (401): `{typed('hf')} auth login`, or set HF_TOKEN",
    403: "the token does not allow it (403): one with write access to the repository is needed",
    409: "somebody else changed it at the same time (409): do the same again",
}
"""What an answer of the Hub means, by its status."""


def locate(argument: str, patterns: Sequence[str]) -> Path:
    """The local path ``argument``, or the folder in the cache that holds its files of the Hub that match ``patterns``.

    A Hub id is user/name or user/name@revision: a branch, tag or commit. What the cache holds is not downloaded again,
    and is enough where there is no network. `UserError` where neither a path nor the Hub has it says how to get it.
    """
    if Path(argument).exists():
        return Path(argument)
    check_id(argument)
    from huggingface_hub import snapshot_download

    name, _, revision = argument.partition("@")
    with _asking(argument):
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(patterns)))


@dataclass(frozen=True)
class Listing:
    """Files by name, each with its bytes: of a folder, or of a model of the Hub as far as it says what it has.

    ``weights``: those of them that hold weights; ``absent``: those that are to be downloaded; ``silence``: why the Hub
    did not say, in which case the files are those in its cache.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    weights: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    silence: str = ""

    def of(self, settings: Iterable[str], weights: Iterable[str]) -> Self:
        """Those files that an encoder is read from: ``settings`` and ``weights``, as far as they are there."""
        held = tuple(name for name in weights if name in self.sizes)
        names = [*(name for name in settings if name in self.sizes), *held]
        kept = {name: self.sizes[name] for name in names}
        return replace(self, sizes=kept, weights=held, absent=tuple(n for n in kept if n in self.absent))


def list_files(argument: str, folder: Path) -> Listing:
    """The files of a model, none of which is downloaded; ``folder``: where it lies, or what the cache has of it."""
    here = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    if Path(argument).exists():
        return Listing(here)
    from huggingface_hub import HfApi

    name, _, revision = argument.partition("@")
    try:
        told = HfApi().model_info(name, revision=revision or None, files_metadata=True)
    except _errors() as error:
        return Listing(here, silence=reason(error))
    sizes = {file.rfilename: file.size or 0 for file in told.siblings or ()}
    return Listing(sizes, absent=tuple(name for name in sizes if name not in here))


@contextmanager
def _asking(argument: str) -> Iterator[None]:
    """What fails inside because the Hub does not give ``argument`` ends as a `UserError` that says how to get it."""
    from huggingface_hub import constants

    name, _, revision = argument.partition("@")
    at = f" --revision {revision}" if revision else ""
    try:
        yield
    except _errors() as error:  # not found, gated, offline, no such form of id
        raise UserError(
            f"{argument}: no such path here, and the Hugging Face Hub did not give it ({reason(error)}). Where there "
            f"is a network: `{typed('hf')} download {name}{at} --local-dir DIR`, then name DIR instead; for a gated "
            f"or private model `{typed('hf')} auth login` first. Downloads lie in "
            f"{constants.HF_HUB_CACHE}, which HF_HOME moves"
        ) from None


def at_hand(argument: str, name: str) -> Path | None:
    """The local path ``argument``, or the folder of the Hub's cache with its file ``name``; None where neither is here.

    The Hub is not asked.
    """
    if Path(argument).exists():
        return Path(argument)
    if not ID.fullmatch(argument):
        return None
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = argument.partition("@")
    found = try_to_load_from_cache(repository, name, revision=revision or None)
    return Path(found).parent if isinstance(found, str) else None


def check_id(argument: str) -> None:
    """`UserError` for what is no path that is there, and no id of the Hub either: user/name, or with @revision."""
    if ID.fullmatch(argument) and not _means_path(argument):
        return
    if not argument:
        raise UserError("a Hugging Face id (USER/NAME), or the path of a model, is needed, got nothing")
    path = Path(argument)
    homes = [home for home in (path.parent, Path("exp")) if experiments.names(home)]
    beside = f"; in {homes[0]}: {experiments.describe(homes[0], path.name)}" if homes else ""
    raise UserError(
        f"{argument}: no such path here{seen_from(path)}, and no Hugging Face id, which is USER/NAME{beside}"
    )


def _means_path(argument: str) -> bool:
    """Whether what could be an id of the Hub is meant as a path: of our experiments, a zip, or below a folder here."""
    first, _, rest = argument.partition("/")
    return "@" not in rest and (
        first == "exp" or argument.endswith(".zip") or (bool(rest) and Path(first).is_dir())
    )


@contextmanager
def explain_failure(deed: str) -> Iterator[None]:
    """What fails at the Hub inside ends as a `UserError`: ``deed``, and why it did not come about."""
    try:
        yield
    except (*_errors(), RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error.__cause__, _errors()):
            raise
        raise UserError(f"{deed}: {reason(error)}") from None


def reason(error: Exception) -> str:
    """Why the Hub did not do as asked, in one clause."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError | RuntimeError) and error.__cause__:
        return reason(error.__cause__)  # the cache lacks it, a file was not sent: that is not why
    said = str(error).strip().partition("\n")[0]
    response = getattr(error, "response", None)
    if isinstance(error, errors.GatedRepoError) or response is None:
        return said
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such repository, or it is private and no token opens it"
    if response.status_code >= 500:
        return (
            f"the Hub is out of order ({response.status_code}): do the same again later, what arrived is kept"
        )
    return REASONS.get(response.status_code, said)


def content(files: Sequence[Path], argument: str) -> list[Path | str]:
    """What stands for the content of ``files`` in a fingerprint: themselves, or what the cache of the Hub calls them.

    The cache names the content of a file by its hash, which saves reading gigabytes again.
    """
    cached = not Path(argument).exists()
    return [f"{path.name} {path.resolve().name}" if cached and path.is_symlink() else path for path in files]


def _errors() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HTTPError  # of the HTTP library in use

    return OSError, ValueError, HTTPError
