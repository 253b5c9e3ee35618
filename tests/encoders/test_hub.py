import pytest
from httpx2 import Request, Response
from huggingface_hub.errors import GatedRepoError

from fangyan.encoders import hub, identity, load_encoder
from fangyan.errors import UserError


def test_a_local_path_wins_over_the_hub(tmp_path, monkeypatch, cached):
    (tmp_path / "elsewhere").mkdir()
    cached("user/name", tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user" / "name").mkdir(parents=True)
    assert (hub.locate("user/name", ["*"]) / "x").resolve() == tmp_path / "user" / "name" / "x"


@pytest.mark.parametrize("spec", ["hf:user/absent", "espnet:user/absent", "random:user/absent"])
def test_what_is_nowhere_is_answered_with_how_to_get_it(spec, cached, tmp_path):
    message = (
        r"user/absent: no such path here, and the Hugging Face Hub did not give it \(.*\)\. Where there is a network: "
        rf"`\S*hf download user/absent --local-dir DIR`.*Downloads lie in {tmp_path}/cache, which HF_HOME moves"
    )
    for function in (load_encoder, identity):
        with pytest.raises(UserError, match=message):
            function(spec)


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./x", "a/b/c", "user/", "-x/y", "x y", "user/model.zip"]
)
def test_what_cannot_be_an_id_is_not_asked_for(name):
    with pytest.raises(
        UserError, match=f"{name}: no such path here.*, and no Hugging Face id, which is USER/NAME"
    ):
        hub.locate(name, ["*"])


def test_what_is_meant_as_a_path_is_told_with_the_experiments_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = f"exp/y: no such path here, seen from {tmp_path}, and no Hugging Face id, which is USER/NAME"
    with pytest.raises(UserError, match=f"{message}$"):  # where nothing was trained yet
        hub.check_id("exp/y")
    (tmp_path / "exp/x").mkdir(parents=True)
    (tmp_path / "exp/x/times.tsv").touch()
    (tmp_path / "exp/survey").mkdir()
    with pytest.raises(UserError, match=f"{message}; in exp: known are x$"):
        hub.check_id("exp/y")
    (tmp_path / "user").mkdir()
    with pytest.raises(UserError, match="user/name: no such path"):
        hub.check_id("user/name")
    for name in ("user/name@main", "else/name", "name"):
        hub.check_id(name)
    with pytest.raises(UserError, match="is needed, got nothing"):
        hub.check_id("")


def test_a_gated_model_says_how_to_log_in(monkeypatch):
    def gated(*args, **settings):
        request = Request("GET", "https://huggingface.co/user/gated")
        raise GatedRepoError(
            "Access to model user/gated is restricted.", response=Response(403, request=request)
        )

    monkeypatch.setattr("huggingface_hub.snapshot_download", gated)
    with pytest.raises(
        UserError, match=r"\(Access to model user/gated is restricted\.\).*`\S*hf auth login` first"
    ):
        hub.locate("user/gated", ["*"])


def test_only_what_is_asked_for_is_downloaded(monkeypatch, tmp_path):
    asked = []

    def download(name, revision, allow_patterns):
        asked.append((name, revision, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert hub.locate("user/name", ("*.yaml", "*.pth")) == tmp_path
    assert hub.locate("user/name@v1.2", ("*.yaml",)) == tmp_path
    assert asked == [("user/name", None, ["*.yaml", "*.pth"]), ("user/name", "v1.2", ["*.yaml"])]


def test_an_error_of_ours_stays_one():
    with pytest.raises(RuntimeError, match="a defect"), hub.explain_failure("user/name: not done"):
        raise RuntimeError("a defect")
