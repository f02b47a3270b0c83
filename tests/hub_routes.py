"""What the stub Hub answers: one function a route, from a request to a reply."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from hub_state import Fetched, Hub, Refused, Repo, changed_files, file_entry, folder_entry, folders


@dataclass
class Request:
    """What a route sees of a request."""

    hub: Hub
    method: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    kind: str = "dataset"

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def repo(self, name: str) -> Repo:
        """The repository, if it exists and the token may see it."""
        repo = self.hub.repos.get(self.key(name))
        if repo is None or (repo.private and not self.authorised):
            raise Refused(401 if not self.authorised else 404, "Repository not found", "RepoNotFound")
        return repo

    def key(self, name: str) -> str:
        """The name under which the state keeps a repository of this kind."""
        return name if self.kind == "dataset" else f"models/{name}"

    @property
    def authorised(self) -> bool:
        return self.hub.token is None or self.headers.get("authorization") == f"Bearer {self.hub.token}"

    def must_be_authorised(self) -> None:
        if not self.authorised:
            raise Refused(401, "Invalid username or password.")


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def reply(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


def who_am_i(request: Request) -> Reply:
    request.must_be_authorised()
    return reply({"type": "user", "name": "tester", "orgs": [], "auth": {"type": "access_token"}})


def create_repo(request: Request) -> Reply:
    request.must_be_authorised()
    wanted = request.json()
    name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
    request.kind = wanted.get("type") or "model"
    url = f"http://{request.headers['host']}/{'datasets/' if request.kind == 'dataset' else ''}{name}"
    with request.hub.lock:
        if request.key(name) in request.hub.repos:
            return reply({"error": "You already created this repo", "url": url}, 409)
        private = wanted.get("private", False) or wanted.get("visibility") == "private"
        request.hub.create(request.key(name), private)
    return reply({"url": url, "name": name})


def validate_yaml(request: Request) -> Reply:
    return reply({"errors": [], "warnings": []})


def preupload(request: Request, name: str, revision: str) -> Reply:
    request.must_be_authorised()
    present = request.repo(name).resolve(revision).files

    def answer(wanted: dict[str, Any]) -> dict[str, Any]:
        path = wanted["path"]
        mode = (
            "lfs" if path.endswith((".parquet", ".safetensors")) or wanted["size"] > 10 << 20 else "regular"
        )
        oid = present[path].oid if path in present else None
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    return reply({"files": [answer(wanted) for wanted in request.json()["files"]]})


def lfs_batch(request: Request, name: str) -> Reply:
    request.must_be_authorised()
    request.repo(name)
    root = f"http://{request.headers['host']}"

    def answer(wanted: dict[str, Any]) -> dict[str, Any]:
        known = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] in request.hub.blobs:
            return known
        actions = {
            "upload": {"href": f"{root}/lfs/{wanted['oid']}"},
            "verify": {"href": f"{root}/lfs-verify"},
        }
        return known | {"actions": actions}

    return reply({"transfer": "basic", "objects": [answer(wanted) for wanted in request.json()["objects"]]})


def lfs_put(request: Request, oid: str) -> Reply:
    hub = request.hub
    with hub.lock:
        hub.uploads += 1
        if hub.uploads in hub.faults.refuse_uploads:
            raise Refused(403, "The upload was cut off")
        if hub.store(request.body, lfs=True).sha256 != oid:
            raise Refused(400, "Content does not have the announced SHA-256")
        hub.arrived.append(oid)
    return Reply(b"")


def lfs_verify(request: Request) -> Reply:
    if request.json()["oid"] not in request.hub.blobs:
        raise Refused(404, "No such object")
    return reply({})


def commit(request: Request, name: str, revision: str) -> Reply:
    request.must_be_authorised()
    repo, faults = request.repo(name), request.hub.faults
    hook, faults.before_commit = faults.before_commit, None
    if hook:
        hook()
    lines = [json.loads(line) for line in request.body.splitlines() if line]
    header = next(line["value"] for line in lines if line["key"] == "header")
    with request.hub.lock:
        head = repo.resolve(revision)
        if header.get("parentCommit") not in (None, head.sha):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        made = repo.add(
            header["summary"], header["description"], changed_files(request.hub, head.files, lines)
        )
    if faults.lose_commit_reply:
        faults.lose_commit_reply = False
        raise Refused(502, "Bad gateway")
    url = f"http://{request.headers['host']}/datasets/{name}/commit/{made.sha}"
    return reply({"commitUrl": url, "commitOid": made.sha})


def tag(request: Request, name: str, revision: str) -> Reply:
    request.must_be_authorised()
    repo = request.repo(name)
    if request.method == "DELETE":
        repo.tags.pop(revision)
        return reply({})
    if request.hub.faults.refuse_tags:
        raise Refused(500, "Internal error")
    new = request.json()["tag"]
    with request.hub.lock:
        if new in repo.tags:
            raise Refused(409, "Tag reference exists already")
        repo.tags[new] = repo.resolve(revision).sha
    return reply({})


def branch(request: Request, name: str, new: str) -> Reply:
    request.must_be_authorised()
    repo = request.repo(name)
    repo.branches[new] = repo.resolve(request.json().get("startingPoint", "main")).sha
    return reply({})


def refs(request: Request, name: str) -> Reply:
    repo = request.repo(name)

    def listed(kind: str, names: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": key, "ref": f"refs/{kind}/{key}", "targetCommit": sha} for key, sha in names.items()]

    return reply(
        {"branches": listed("heads", repo.branches), "tags": listed("tags", repo.tags), "converts": []}
    )


def info(request: Request, name: str, revision: str = "main") -> Reply:
    repo = request.repo(name)
    head = repo.resolve(revision)
    siblings = [{"rfilename": path} for path in head.files]
    flags = {"private": repo.private, "gated": "manual" if repo.gated else False, "disabled": False}
    return reply(
        {
            "id": name,
            "_id": name,
            "author": name.split("/")[0],
            "sha": head.sha,
            "lastModified": head.date,
            "createdAt": head.date,
            "siblings": siblings,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        | flags
    )


def commits(request: Request, name: str, revision: str) -> Reply:
    repo = request.repo(name)
    found, sha = [], repo.resolve(revision).sha
    while sha is not None:
        found.append(repo.commits[sha].json())
        sha = repo.commits[sha].parent
    return reply(found)


def tree(request: Request, name: str, revision: str, folder: str = "") -> Reply:
    head = request.repo(name).resolve(revision)
    folder = folder.strip("/")
    if folder and folder not in folders(head):
        raise Refused(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    recursive = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
    prefix = f"{folder}/" if folder else ""

    def within(path: str) -> bool:
        return path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])

    entries = [folder_entry(path, head) for path in sorted(folders(head)) if within(path)]
    return reply(
        entries + [file_entry(path, file, head) for path, file in head.files.items() if within(path)]
    )


def paths_info(request: Request, name: str, revision: str) -> Reply:
    head = request.repo(name).resolve(revision)
    if "json" in request.headers.get("content-type", ""):
        paths = request.json()["paths"]
    else:
        paths = parse_qs(request.body.decode()).get("paths", [])
    found = [file_entry(path, head.files[path], head) for path in paths if path in head.files]
    return reply(found + [folder_entry(path, head) for path in paths if path in folders(head)])


def resolve(request: Request, name: str, revision: str, path: str) -> Reply:
    repo = request.repo(name)
    if repo.gated:
        raise Refused(403, "Access to this dataset is restricted", "GatedRepo")
    head = repo.resolve(revision)
    if path not in head.files:
        raise Refused(404, "Entry not found", "EntryNotFound")
    file = head.files[path]
    headers = {"X-Repo-Commit": head.sha, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
    if file.lfs:
        headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    made = _ranged(request.hub.blobs[file.sha256], request.headers.get("range"), headers)
    if request.method == "GET":
        sent = re.match(r"bytes (\d+)-", made.headers.get("Content-Range", "bytes 0-"))
        start = int(sent[1]) if sent else 0
        request.hub.ranges.append(Fetched(path, start, start + len(made.body)))
    return made


def _ranged(content: bytes, wanted: str | None, headers: dict[str, str]) -> Reply:
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "")
    if not match:
        return Reply(content, 200, headers)
    first, last = match.groups()
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last) + 1, len(content)) if first and last else len(content)
    if start >= len(content):
        raise Refused(416, "Range not satisfiable")
    return Reply(
        content[start:end], 206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
    )


_REPO = r"([^/]+/[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Reply]]] = [
    ("GET", r"/api/whoami-v2", who_am_i),
    ("POST", r"/api/repos/create", create_repo),
    ("POST", r"/api/validate-yaml", validate_yaml),
    ("POST", rf"/api/datasets/{_REPO}/preupload/([^/]+)", preupload),
    ("POST", rf"/datasets/{_REPO}\.git/info/lfs/objects/batch", lfs_batch),
    ("PUT", r"/lfs/([0-9a-f]{64})", lfs_put),
    ("POST", r"/lfs-verify", lfs_verify),
    ("POST", rf"/api/datasets/{_REPO}/commit/([^/]+)", commit),
    ("POST", rf"/api/datasets/{_REPO}/tag/([^/]+)", tag),
    ("DELETE", rf"/api/datasets/{_REPO}/tag/([^/]+)", tag),
    ("POST", rf"/api/datasets/{_REPO}/branch/([^/]+)", branch),
    ("GET", rf"/api/datasets/{_REPO}/refs", refs),
    ("GET", rf"/api/datasets/{_REPO}/revision/([^/]+)", info),
    ("GET", rf"/api/datasets/{_REPO}/commits/([^/]+)", commits),
    ("GET", rf"/api/datasets/{_REPO}/tree/([^/]+)(?:/(.*))?", tree),
    ("POST", rf"/api/datasets/{_REPO}/paths-info/([^/]+)", paths_info),
    ("GET", rf"/api/datasets/{_REPO}", info),
    ("GET", rf"/datasets/{_REPO}/resolve/([^/]+)/(.+)", resolve),
]


_MODEL_FILES = rf"/(?!api/|datasets/){_REPO}(?:\.git/info/lfs/objects/batch|/resolve/.+)"


def answer(request: Request, path: str) -> Reply:
    """Find the route of a path and run it; those of models are those of datasets with another beginning."""
    if path.startswith("/api/models/"):
        request.kind, path = "model", path.replace("/api/models/", "/api/datasets/", 1)
    elif re.fullmatch(_MODEL_FILES, path):
        request.kind, path = "model", f"/datasets{path}"
    method = "GET" if request.method == "HEAD" else request.method
    for wanted, pattern, route in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and wanted == method:
            return route(request, *(unquote(part) for part in match.groups() if part is not None))
    raise Refused(404, f"The stub has no {request.method} {path}")
