"""The state of the stub Hub: repositories with commits, branches and tags over content-addressed blobs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


class Refused(Exception):
    """A request that is answered with an error: status, the Hub's error code, message."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class File:
    """A file of a commit: SHA-256 of its content, size, and the oid that git or LFS names it by."""

    sha256: str
    size: int
    oid: str
    lfs: bool


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    message: str
    date: str
    files: dict[str, File]

    def json(self) -> dict[str, Any]:
        return {
            "id": self.sha,
            "title": self.title,
            "message": self.message,
            "date": self.date,
            "authors": [{"user": "tester"}],
        }


@dataclass
class Repo:
    name: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, revision: str) -> Commit:
        """The commit of a branch, a tag or a SHA."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def add(self, title: str, message: str, files: dict[str, File]) -> Commit:
        """A new commit on main."""
        parent = self.branches.get("main")
        date = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        names = sorted((path, file.oid) for path, file in files.items())
        sha = hashlib.sha1(
            json.dumps([parent, title, message, date, names]).encode(), usedforsecurity=False
        ).hexdigest()
        self.commits[sha] = Commit(sha, parent, title, message, date, files)
        self.branches["main"] = sha
        return self.commits[sha]


@dataclass
class Faults:
    """What goes wrong: uploads to refuse (by number, from 1), tags to refuse, a commit whose reply is lost.

    `before_commit` runs once, just before the next commit is looked at.
    """

    refuse_uploads: set[int] = field(default_factory=set)
    refuse_tags: bool = False
    lose_commit_reply: bool = False
    before_commit: Callable[[], None] | None = None


@dataclass(frozen=True)
class Fetched:
    """Bytes of a file that were sent, `end` not included."""

    path: str
    start: int
    end: int


@dataclass
class Hub:
    """The state behind the server. With a `token`, writes and private repositories need it. Repositories of
    models have `models/` before their name.

    `uploads` counts the LFS uploads that were tried, `arrived` holds the SHA-256 of those that came through,
    `ranges` what was downloaded.
    """

    token: str | None = None
    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    ranges: list[Fetched] = field(default_factory=list)
    uploads: int = 0
    arrived: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def store(self, content: bytes, lfs: bool) -> File:
        """Keep content under its hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = content
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        return File(sha256, len(content), sha256 if lfs else blob, lfs)

    def create(self, name: str, private: bool = False) -> Repo:
        """A new repository with the first commit that the Hub makes."""
        repo = self.repos[name] = Repo(name, private)
        repo.add("initial commit", "", {".gitattributes": self.store(ATTRIBUTES, lfs=False)})
        return repo

    def count(self, request: str) -> int:
        """How many requests start with that text, e.g. "PUT "."""
        return sum(line.startswith(request) for line in self.requests)


def changed_files(hub: Hub, files: dict[str, File], lines: list[dict[str, Any]]) -> dict[str, File]:
    """The files of a commit after the operations of an ndjson commit."""
    files = dict(files)
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = hub.store(base64.b64decode(value["content"]), lfs=False)
        elif line["key"] == "lfsFile":
            if value["oid"] not in hub.blobs:
                raise Refused(400, f"LFS object {value['oid']} was not uploaded")
            files[value["path"]] = hub.store(hub.blobs[value["oid"]], lfs=True)
        elif line["key"] == "deletedFile":
            if value["path"] not in files:
                raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            del files[value["path"]]
        elif line["key"] == "deletedFolder":
            files = {path: file for path, file in files.items() if not path.startswith(value["path"])}
    return files


def file_entry(path: str, file: File, head: Commit) -> dict[str, Any]:
    """A file as listings show it."""
    last = {"id": head.sha, "title": head.title, "date": head.date}
    entry = {"type": "file", "path": path, "size": file.size, "oid": file.oid, "lastCommit": last}
    if file.lfs:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 130}
    return entry


def folder_entry(path: str, head: Commit) -> dict[str, Any]:
    """A folder as listings show it."""
    last = {"id": head.sha, "title": head.title, "date": head.date}
    oid = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "path": path, "size": 0, "oid": oid, "lastCommit": last}


def folders(head: Commit) -> set[str]:
    """All folders of a commit."""
    parts = [path.split("/") for path in head.files]
    return {"/".join(part[:depth]) for part in parts for depth in range(1, len(part))}
