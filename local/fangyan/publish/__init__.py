"""A trained experiment as others get it: packed, described by a card, uploaded to the Hugging Face Hub.

`contents` lays out the files, `card` writes what people read, `proof` loads the result in a process of its own,
`upload` talks to the Hub.
"""

from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory

from fangyan.encoders.families import spec_of
from fangyan.errors import UserError
from fangyan.files import unpack, write_text
from fangyan.folders import DONE
from fangyan.publish import archive, dual
from fangyan.publish.archive import ARCHIVE

__all__ = ["ARCHIVE", "pack", "packed", "publish", "renew"]


def packed(exp: Path) -> Path:
    """Where the packed model of an experiment lies, or is to lie: a zip; of a model that reads units a folder."""
    return exp / (dual.FOLDER if _is_dual(exp) else ARCHIVE)


def renew(exp: Path) -> bool:
    """Makes the packed model of an experiment; says whether it had to: the same one is kept."""
    return (dual if _is_dual(exp) else archive).renew(exp)


def pack(exp: Path) -> Path:
    """The packed model of an experiment, made where it is not there."""
    renew(exp)
    return packed(exp)


def _is_dual(exp: Path) -> bool:
    return spec_of(exp).startswith("llm:")


def publish(
    exp: Path, repository: str, private: bool = False, revision: str = "", permission: str = ""
) -> str:
    """The address of the commit that holds the packed model and its card; one that changes nothing is not made.

    ``revision``: branch, made where it is missing. ``permission``: who allowed to publish what a licence forbids to;
    without it `UserError` says which corpus does.
    """
    from fangyan.publish import card, rights
    from fangyan.publish.upload import upload

    if repository.count("/") != 1:
        raise UserError(f"--hf_repo {repository}: a repository of the Hugging Face Hub is USER/NAME")
    facts = card.read(exp)
    rights.check_permission(repository, facts.corpora, permission)
    place = pack(exp)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if place.is_dir():
            copytree(place, folder, ignore=ignore_patterns(DONE), dirs_exist_ok=True)
        else:
            unpack(place, folder)
        write_text(folder / card.NAME, card.write(facts, repository, permission))
        return upload(folder, repository, private, revision)
