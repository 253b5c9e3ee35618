"""A trained experiment as others get it: packed in one file, described by a card, uploaded to the Hugging Face Hub.

`contents` lays out the files, `card` writes what people read, `proof` loads the result in a process of its own,
`upload` talks to the Hub.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from fangyan.errors import UserError
from fangyan.files import unpack, write_text
from fangyan.publish.archive import ARCHIVE, pack, renew

__all__ = ["ARCHIVE", "pack", "publish", "renew"]


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
    archive = pack(exp)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(archive, folder)
        write_text(folder / card.NAME, card.write(facts, repository, permission))
        return upload(folder, repository, private, revision)
