"""A folder to a model repository of the Hugging Face Hub, in one commit, by the official client.

The token is the client's business: HF_TOKEN, or what ``hf auth login`` left. It is neither read nor told here.
"""

from pathlib import Path

from fangyan.encoders import hub
from fangyan.errors import UserError

PACKED = "exp/*"
"""What an earlier pack may have left in the repository; what else lies there is not ours to remove."""


def upload(folder: Path, repository: str, private: bool = False, revision: str = "") -> str:
    """The address of the commit that holds ``folder``; where nothing changed, that of the newest.

    The repository and the branch ``revision`` are made where they are missing. After any interruption the same again
    completes it: files that arrived are not sent twice, and the commit comes last. `UserError` says why it failed.
    """
    from huggingface_hub import HfApi

    hub_api = HfApi(library_name="fangyan")
    with hub.explain_failure(f"{repository}: not published, the Hugging Face Hub did not take it"):
        hub_api.create_repo(repository, private=private or None, exist_ok=True)
        if private and not hub_api.repo_info(repository).private:
            raise UserError(
                f"{repository}: it is there already, and public: change that in its settings first"
            )
        if revision:
            hub_api.create_branch(repository, branch=revision, exist_ok=True)
        commit = hub_api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            revision=revision or None,
            commit_message="Packed by fangyan",
            delete_patterns=PACKED,
        )
    return str(commit.commit_url)
