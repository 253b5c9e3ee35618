"""Folders to a Hub on loopback and back, by the official client, and what goes wrong on the way."""

import re
import time

import pytest
from huggingface_hub import HfApi
from minihub import Fault, Repository

from fangyan.encoders import hub
from fangyan.errors import UserError
from fangyan.files import fingerprint, write_text
from fangyan.publish.upload import upload


@pytest.fixture
def folder(tmp_path):
    """Small and large files, at two levels."""
    home = tmp_path / "model"
    write_text(home / "README.md", "# A card 方言\n")
    write_text(home / "exp/micro/config.yaml", "x: 1\n")
    (home / "encoder.safetensors").write_bytes(bytes(range(256)) * 4096)
    (home / "exp/micro/valid.acc.ave.pth").write_bytes(b"weights" * 1000)
    return home


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The client waits between attempts; here no time passes."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def commits(minihub) -> int:
    return len(minihub.repositories["user/name"].commits)


def test_what_is_downloaded_is_what_was_uploaded_bit_for_bit(minihub, folder):
    address = upload(folder, "user/name")
    assert re.fullmatch(rf"{minihub.url}/user/name/commit/[0-9a-f]{{40}}", address)
    found = hub.locate("user/name", ["*"])
    assert {path.name for path in found.iterdir()} == {
        "README.md",
        "encoder.safetensors",
        "exp",
        ".gitattributes",
    }
    for path in ("README.md", "encoder.safetensors", "exp"):
        assert fingerprint(found / path) == fingerprint(folder / path)


def test_a_second_upload_makes_no_commit_and_sends_nothing(minihub, folder):
    first = upload(folder, "user/name")
    minihub.log.clear()
    assert upload(folder, "user/name") == first
    assert commits(minihub) == 2  # the empty repository, and ours
    assert not [line for line in minihub.log if line.startswith("PUT") or "/commit/" in line]


def test_what_an_earlier_pack_left_is_removed_and_what_others_added_stays(minihub, folder):
    write_text(folder / "exp/old/config.yaml", "y: 1\n")
    upload(folder, "user/name")
    HfApi().upload_file(path_or_fileobj=b"by hand", path_in_repo="notes.txt", repo_id="user/name")
    (folder / "exp/old/config.yaml").unlink()
    upload(folder, "user/name")
    files = minihub.files("user/name")
    assert "notes.txt" in files and "exp/micro/config.yaml" in files and "exp/old/config.yaml" not in files


def test_private_is_private(minihub, folder, monkeypatch):
    upload(folder, "user/name", private=True)
    assert minihub.repositories["user/name"].private
    assert hub.locate("user/name", ["README.md"])
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder.parent / "another"))
    with pytest.raises(
        UserError, match=r"user/name: .* \(there is no such repository, or it is private and no token"
    ):
        hub.locate("user/name", ["README.md"])


def test_nothing_private_goes_to_what_is_public_already(minihub, folder):
    upload(folder, "user/name")
    write_text(folder / "README.md", "# Secret\n")
    with pytest.raises(UserError, match="user/name: it is there already, and public"):
        upload(folder, "user/name", private=True)
    assert commits(minihub) == 2


def test_a_branch_is_made_where_it_is_missing_and_read_by_its_name(minihub, folder):
    upload(folder, "user/name")
    write_text(folder / "README.md", "# Another\n")
    upload(folder, "user/name", revision="v2")
    upload(folder, "user/name", revision="v2")
    assert commits(minihub) == 3
    assert (hub.locate("user/name", ["*.md"]) / "README.md").read_text() == "# A card 方言\n"
    assert (hub.locate("user/name@v2", ["*.md"]) / "README.md").read_text() == "# Another\n"
    commit = minihub.repositories["user/name"].branches["v2"]
    assert (hub.locate(f"user/name@{commit}", ["*.md"]) / "README.md").read_text() == "# Another\n"


def test_a_wrong_revision_is_named(minihub, folder):
    upload(folder, "user/name")
    with pytest.raises(
        UserError, match=r"user/name@v9: .* \(it has no such revision\).*--revision v9 --local-dir"
    ):
        hub.locate("user/name@v9", ["*"])


REFUSED = "user/name: not published, the Hugging Face Hub did not take it: "
FAULTS = {
    "401 at once": (Fault("POST /api/repos/create", 401), r"the token is missing or not accepted \(401\)"),
    "403 at once": (Fault("POST /api/repos/create", 403), r"the token does not allow it \(403\)"),
    "403 in the middle": (Fault("preupload", 403), r"the token does not allow it \(403\)"),
    "409 at the end": (Fault("/commit/", 409), r"somebody else changed it at the same time \(409\)"),
    "500 of large files": (Fault("PUT /_lfs", 500, times=99), r"the Hub is out of order \(500\)"),
    "503 at the end": (Fault("/commit/", 503, times=99), r"the Hub is out of order \(503\)"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_refusal_is_one_sentence_and_the_same_again_completes_it(minihub, folder, name):
    fault, reason = FAULTS[name]
    minihub.faults.append(fault)
    with pytest.raises(UserError, match=f"^{re.escape(REFUSED)}{reason}[^\n]*$") as error:
        upload(folder, "user/name")
    assert "hf_write" not in str(error.value)
    assert "README.md" not in ((minihub.repositories.get("user/name") and minihub.files("user/name")) or {})
    minihub.faults.clear()
    upload(folder, "user/name")
    assert minihub.files("user/name")["README.md"] == (folder / "README.md").read_bytes()


def test_large_files_that_arrived_are_not_sent_again(minihub, folder):
    minihub.faults.append(Fault("/commit/", 409))
    with pytest.raises(UserError):
        upload(folder, "user/name")
    minihub.log.clear()
    upload(folder, "user/name")
    assert not [line for line in minihub.log if line.startswith("PUT")]


def test_a_hiccup_is_ridden_out(minihub, folder):
    minihub.faults.append(Fault("PUT /_lfs", 500, times=2))
    upload(folder, "user/name")
    assert commits(minihub) == 2


@pytest.mark.parametrize(("token", "status"), [("hf_revoked", 401), ("hf_read", 403)])
def test_a_token_that_does_not_do_is_never_told(minihub, folder, monkeypatch, capfd, token, status):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=rf"\({status}\)") as error:
        upload(folder, "user/name")
    assert token not in str(error.value) + "".join(capfd.readouterr())


def test_without_any_token_the_way_to_one_is_told(minihub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match=r"\(401\): `\S*hf auth login`, or set HF_TOKEN"):
        upload(folder, "user/name")


def test_without_a_network_it_says_so(minihub, folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=f"^{re.escape(REFUSED)}.*Connection refused"):
        upload(folder, "user/name")
    with pytest.raises(UserError, match=r"user/name: no such path here, .*Connection refused.*hf download"):
        hub.locate("user/name", ["*"])


def test_what_was_downloaded_once_is_enough_without_a_network(minihub, folder, monkeypatch):
    upload(folder, "user/name")
    before = hub.locate("user/name", ["*"])
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert hub.locate("user/name", ["*"]) == before


def test_a_download_that_is_cut_goes_on_where_it_was(minihub, folder):
    upload(folder, "user/name")
    minihub.faults.append(Fault("GET /user/name/resolve/.*safetensors"))
    found = hub.locate("user/name", ["*.safetensors"])
    assert (found / "encoder.safetensors").read_bytes() == (folder / "encoder.safetensors").read_bytes()
    assert sum("GET" in line and "safetensors" in line for line in minihub.log) == 2


def test_a_download_that_keeps_failing_is_no_model(minihub, folder):
    upload(folder, "user/name")
    minihub.faults.append(Fault("GET /user/name/resolve/.*safetensors", 500, times=99))
    with pytest.raises(UserError, match=r"user/name: .*\(the Hub is out of order \(500\)"):
        hub.locate("user/name", ["*"])
    minihub.faults.clear()
    assert (hub.locate("user/name", ["*"]) / "encoder.safetensors").exists()


def test_a_gated_repository_says_how_to_get_in(minihub):
    minihub.repositories["user/name"] = Repository(private=True)
    with pytest.raises(UserError, match=r"user/name: .*`\S*hf auth login` first"):
        hub.locate("user/name", ["*"])


def test_no_name_of_a_repository(minihub, folder):
    with pytest.raises(UserError, match=r"a//b: not published.*Repo id"):
        upload(folder, "a//b")
