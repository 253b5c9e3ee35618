"""A Hugging Face Hub on loopback, all in memory, as far as the official client needs one, with faults on demand.

Any token opens it but ``hf_revoked`` (401); ``hf_read`` must not write (403). Repositories have branches and commits;
large files (`LARGE`) go the way of git-lfs. There is no Xet: clients need HF_HUB_DISABLE_XET=1.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = re.compile(r"\.(pth|npz|safetensors|zip|png|model)$")
NAME = r"([^/]+/[^/]+?)"


@dataclass
class Fault:
    """What happens instead of the next ``times`` answers to requests that ``pattern`` ("PUT /_lfs") is found in."""

    pattern: str
    status: int = 0  # 0: the answer is cut in the middle
    times: int = 1


@dataclass
class Repository:
    """Commits are whole trees, path -> content; branches name commits."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        name = hashlib.sha1(f"{len(self.commits)} {sorted(files)}".encode()).hexdigest()
        self.commits[name], self.branches[branch] = files, name
        return name

    def find(self, revision: str) -> str | None:
        name = self.branches.get(revision, revision)
        return name if name in self.commits else None


class MiniHub:
    """The server, while it is entered; ``url`` is where it listens, ``log`` has every request."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # large files by SHA-256
        self.faults: list[Fault] = []
        self.log: list[str] = []

    def __enter__(self) -> Self:
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def files(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        """Path -> content at a revision."""
        found = self.repositories[repository]
        return found.commits[found.find(revision)]

    def fault(self, request: str) -> Fault | None:
        """The fault that this request meets, counted down."""
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, request):
                fault.times -= 1
                return fault
        return None


def git_oid(content: bytes) -> str:
    """What git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Refused(Exception):
    """An answer other than success: status, and the code in X-Error-Code."""


class Handler(BaseHTTPRequestHandler):
    """One request: `ROUTES` says which method answers it, with the groups of its pattern."""

    hub: MiniHub
    protocol_version = "HTTP/1.1"

    def route(self) -> None:
        url = urlsplit(self.path)
        self.path_only, self.query = unquote(url.path), parse_qs(url.query)
        self.content = self.read_body()
        request = f"{self.command} {self.path_only}"
        self.hub.log.append(request)
        fault = self.hub.fault(request)
        self.cut = fault is not None and not fault.status
        try:
            if fault and fault.status:
                raise Refused(fault.status, "")
            if self.token == "hf_revoked":
                raise Refused(401, "")
            for pattern, method in ROUTES:
                if match := re.fullmatch(pattern, request):
                    return getattr(self, method)(*match.groups())
            raise Refused(404, "")
        except Refused as error:
            status, code = error.args
            self.answer({"error": f"refused with {status}"}, status, {"X-Error-Code": code} if code else {})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = route

    # --- the wire ---

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(value).encode(), status, {"Content-Type": "application/json"} | (headers or {}))

    def send(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.cut else body)
        if self.cut:
            self.close_connection = True

    def log_message(self, *_) -> None:
        """Nothing is printed: the log is `MiniHub.log`."""

    # --- answers ---

    def repository(self, name: str) -> Repository:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self.token):
            raise Refused(404 if self.token else 401, "RepoNotFound")
        return found

    def tree(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        found = self.repository(name)
        commit = found.find(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound")
        return commit, found.commits[commit]

    def needs_writer(self) -> None:
        if not self.token:
            raise Refused(401, "")
        if self.token == "hf_read":
            raise Refused(403, "")

    def whoami(self) -> None:
        if not self.token:
            raise Refused(401, "")
        role = {"accessToken": {"role": "write", "displayName": "test"}}
        self.answer({"type": "user", "name": "user", "orgs": [], "auth": {"type": "access_token", **role}})

    def create(self) -> None:
        self.needs_writer()
        wanted = json.loads(self.content)
        name = f"{wanted.get('organization') or 'user'}/{wanted['name']}"
        url = f"{self.hub.url}/{name}"
        if name in self.hub.repositories:
            return self.answer({"error": "it exists", "url": url}, 409)
        made = self.hub.repositories[name] = Repository(wanted.get("visibility") == "private")
        made.commit("main", {".gitattributes": b"*.pth filter=lfs diff=lfs merge=lfs -text\n"})
        self.answer({"url": url, "name": name, "id": name})

    def create_branch(self, name: str, branch: str) -> None:
        self.needs_writer()
        branches = self.repository(name).branches
        if branch in branches:
            return self.answer({"error": "it exists"}, 409)
        branches[branch] = branches["main"]
        self.answer({})

    def validate(self) -> None:
        self.answer({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        self.needs_writer()
        commit, files = self.tree(name, revision)
        modes = []
        for file in json.loads(self.content)["files"]:
            path = file["path"]
            large = bool(LARGE.search(path))
            oid = (sha256 if large else git_oid)(files[path]) if path in files else None
            mode = {"uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}
            modes.append({"path": path} | mode)
        self.answer({"files": modes, "commitOid": commit})

    def batch(self, name: str) -> None:
        self.needs_writer()
        objects = []
        for wanted in json.loads(self.content)["objects"]:
            missing = wanted["oid"] not in self.hub.objects
            action = {"upload": {"href": f"{self.hub.url}/_lfs/{wanted['oid']}", "header": {}}}
            objects.append(wanted | ({"actions": action} if missing else {}))
        self.answer({"transfer": "basic", "objects": objects})

    def store(self, oid: str) -> None:
        if sha256(self.content) != oid:
            raise Refused(400, "")
        self.hub.objects[oid] = self.content
        self.answer({})

    def commit(self, name: str, branch: str) -> None:
        self.needs_writer()
        _, files = self.tree(name, branch)
        files = dict(files)
        for line in self.content.splitlines():
            kind, value = (json.loads(line)[key] for key in ("key", "value"))
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif kind == "deletedFile":
                del files[value["path"]]
        made = self.repository(name).commit(branch, files)
        url = f"{self.hub.url}/{name}/commit/{made}"
        self.answer({"success": True, "commitOid": made, "commitUrl": url, "hookOutput": ""})

    def info(self, name: str, revision: str | None) -> None:
        commit, files = self.tree(name, revision or "main")
        siblings = [{"rfilename": path, "size": len(files[path])} for path in sorted(files)]
        private = self.repository(name).private
        self.answer({"id": name, "sha": commit, "private": private, "tags": [], "siblings": siblings})

    def listing(self, name: str, revision: str) -> None:
        _, files = self.tree(name, revision)
        self.answer([self.entry(path, content) for path, content in sorted(files.items())])

    def entry(self, path: str, content: bytes) -> dict:
        facts = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
        if LARGE.search(path):
            facts["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        return facts

    def resolve(self, name: str, revision: str, path: str) -> None:
        commit, files = self.tree(name, revision)
        if path not in files:
            raise Refused(404, "EntryNotFound")
        content = files[path]
        oid = (sha256 if LARGE.search(path) else git_oid)(content)
        headers = {"ETag": f'"{oid}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start:
            first = int(start[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            return self.send(content[first:], 206, headers)
        self.send(content, 200, headers)


ROUTES = (
    (r"GET /api/whoami-v2", "whoami"),
    (r"POST /api/validate-yaml", "validate"),
    (r"POST /api/repos/create", "create"),
    (rf"POST /api/models/{NAME}/branch/(.+)", "create_branch"),
    (rf"POST /api/models/{NAME}/preupload/(.+)", "preupload"),
    (rf"POST /{NAME}\.git/info/lfs/objects/batch", "batch"),
    (r"PUT /_lfs/([0-9a-f]{64})", "store"),
    (rf"POST /api/models/{NAME}/commit/(.+)", "commit"),
    (rf"GET /api/models/{NAME}(?:/revision/(.+))?", "info"),
    (rf"GET /api/models/{NAME}/tree/([^/]+)", "listing"),
    (rf"(?:GET|HEAD) /{NAME}/resolve/([^/]+)/(.+)", "resolve"),
)
