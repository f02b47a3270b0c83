"""A source to a corpus folder: piece by piece, over processes, taken up again after a crash.

FOLDER/passages-000000.parquet ...   one shard a piece, in the order of the source
FOLDER/manifest.json                 written last: the corpus is whole
FOLDER/.trajset/corpus.json          what is being made here
FOLDER/.trajset/pieces/000000.json   a piece that is done; gone when the manifest is there
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson

from ..config import config_values
from ..corpus_config import CorpusConfig
from ..corpus_folder import CORPUS_FORMAT, STATE, CorpusManifest, read_corpus_manifest
from ..errors import DataError, Problem
from ..identity import content_hash
from ..locks import writing
from ..manifest import MANIFEST
from ..shards import discard_staged, storage, write_file
from ..source_hub import HUB_PREFIX
from ..upstream import OWN_FOLDER
from .plan import Plan, key_of, libraries_of, plan_for, rules_of, settings_of
from .pool import run_jobs
from .work import PIECES, Done, Job, finished

_LOCK_WAIT_S = 1.0
_ID_CHECK_MEMORY = "1GB"
_OURS = frozenset({OWN_FOLDER, MANIFEST})


@dataclass(frozen=True, slots=True)
class Made:
    """What is done so far; `pieces` counts those of earlier runs too."""

    pieces: int = 0
    articles: int = 0
    passages: int = 0

    def plus(self, done: Done) -> Made:
        """With one more piece."""
        return Made(self.pieces + 1, self.articles + done.articles, self.passages + done.passages)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a corpus is made of, and how."""

    source: str
    plan: Plan
    fingerprint: str
    config: CorpusConfig

    @property
    def key(self) -> str:
        """Hash over all that decides what the passages are."""
        return key_of(self.plan, self.fingerprint, self.config)


Report = Callable[[Made, bool], None]
"""Told after every piece; the flag says whether this run did it."""


@dataclass(frozen=True, slots=True)
class BuiltCorpus:
    """A finished corpus; `reused` when it was there already."""

    path: Path
    manifest: CorpusManifest
    reused: bool


def build_corpus(
    source: str, folder: Path, config: CorpusConfig, report: Report = lambda made, fresh: None
) -> BuiltCorpus:
    """Make a corpus in `folder`, finish one that was begun there, or find it done.

    Raises:
        ConfigError: `kind` must be named, or a process was killed.
        DataError: the source cannot be read, an id stands twice, or the folder holds something else.
        HubError: the Hub cannot be reached or refuses.
        MissingExtraError: reading a dump needs the extra `wiki`.
        StorageError: the disk is full or not writable, or another build is writing there.
    """
    plan = plan_for(source, config)
    origin = Origin(source, plan, plan.fingerprint(), config)
    _check_folder(folder)
    with writing(folder, _LOCK_WAIT_S):
        existing = read_corpus_manifest(folder)
        if existing is not None and existing.key == origin.key:
            return BuiltCorpus(folder, existing, reused=True)
        _begin(folder, origin, existing is not None)
        manifest = _manifest(origin, _work(folder, origin, report))
        _check(folder, manifest)
        manifest.write(folder)
        shutil.rmtree(folder / PIECES, ignore_errors=True)
    return BuiltCorpus(folder, manifest, reused=False)


def _manifest(origin: Origin, done: list[Done]) -> CorpusManifest:
    source = origin.source
    return CorpusManifest(
        corpus_format=CORPUS_FORMAT,
        source=source if source.startswith(HUB_PREFIX) else Path(source).name,
        source_kind=origin.plan.kind,
        fingerprint=origin.fingerprint,
        key=origin.key,
        settings=settings_of(origin.plan, origin.config),
        libraries=libraries_of(origin.plan),
        articles=sum(piece.articles for piece in done),
        passages=sum(piece.passages for piece in done),
        dropped=_dropped(done),
        content_hash=content_hash([piece.content_hash for piece in done], 64),
        shards=tuple(piece.shard for piece in done if piece.shard),
    )


def _check_folder(folder: Path) -> None:
    """Before anything is written there, the lock included."""
    if not folder.exists() or (folder / STATE).is_file():
        return
    foreign = (
        sorted(item.name for item in folder.iterdir() if item.name not in _OURS) if folder.is_dir() else []
    )
    if foreign or not folder.is_dir():
        fix = "It is left as it is; choose another folder."
        raise DataError(
            str(Problem(str(folder), "must be absent, empty or a corpus", foreign or "a file", fix))
        )


def _begin(folder: Path, origin: Origin, complete: bool) -> None:
    """Write down what is made here, or see that it is what was begun."""
    state = folder / STATE
    if complete or (state.is_file() and _key_in(state) != origin.key):
        fix = "Choose another folder, or delete this one."
        rule = "must not hold a corpus of another source or with other settings"
        raise DataError(str(Problem(str(folder), rule, folder.name, fix)))
    discard_staged(folder)
    write_file(state, orjson.dumps({"key": origin.key, "config": config_values(origin.config)}))


def _key_in(state: Path) -> object:
    try:
        values: object = orjson.loads(state.read_bytes())
    except orjson.JSONDecodeError:
        return None
    return values.get("key") if isinstance(values, dict) else None


def _work(folder: Path, origin: Origin, report: Report) -> list[Done]:
    """What every piece gave, in order; those that an earlier run finished are not made again."""
    done: dict[int, Done] = {}
    made = Made()

    def jobs() -> Iterator[Job]:
        nonlocal made
        rules = rules_of(origin.config)
        for number, piece in enumerate(origin.plan.pieces()):
            if earlier := finished(folder, number):
                done[number] = earlier
                made = made.plus(earlier)
                report(made, False)
            else:
                yield Job(folder, number, piece, rules)

    for number, result in run_jobs(jobs(), origin.config.processes):
        done[number] = result
        made = made.plus(result)
        report(made, True)
    return [done[number] for number in sorted(done)]


def _dropped(done: list[Done]) -> dict[str, int]:
    reasons = sorted({reason for piece in done for reason in piece.dropped})
    return {reason: sum(piece.dropped.get(reason, 0) for piece in done) for reason in reasons}


def _check(folder: Path, manifest: CorpusManifest) -> None:
    if not manifest.passages:
        fix = "Give a source with longer articles, or a smaller --min-words."
        raise DataError(
            str(Problem(manifest.source, "must give at least one passage", manifest.dropped, fix))
        )
    if repeated := _repeated_id(folder, manifest):
        fix = "Name another column with --id-field, or repair the source."
        raise DataError(str(Problem(manifest.source, "an id must stand once in the corpus", repeated, fix)))


def _repeated_id(folder: Path, manifest: CorpusManifest) -> str | None:
    """An id that stands twice. DuckDB groups them in bounded memory and spills to the folder beyond it."""
    spill = folder / OWN_FOLDER / "spill"
    files = [str(folder / shard.path) for shard in manifest.shards]
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _ID_CHECK_MEMORY,
        "temp_directory": str(spill),
    }
    try:
        with storage(folder), duckdb.connect(config=settings) as database:
            query = "SELECT id FROM read_parquet(?) GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1"
            row = database.execute(query, [files]).fetchone()
    finally:
        shutil.rmtree(spill, ignore_errors=True)
    return str(row[0]) if row else None
