"""What is to be made of which source: kind, pieces, and the hash by which a later run knows it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..corpus import PassageFields
from ..corpus_config import CorpusConfig
from ..corpus_folder import CORPUS_FORMAT
from ..errors import DataError, MissingExtraError, Problem
from ..identity import content_hash, file_hash
from ..schema import JsonObject
from ..source_hub import HUB_PREFIX
from ..sources import SOURCE_FORM, Source, open_source
from .dump_files import PieceSize, XmlText, dump_pieces, first_pages, is_dump_name
from .records import Part, RecordKind, batches, first_record, kind_of, readable
from .rules import BlockRule, Rules, TextRule
from .work import Piece

_NUMBER = re.compile(r"(\d+)")
_DUMP_LIBRARIES = ("mwparserfromhell",)


@dataclass(frozen=True, slots=True)
class DumpPlan:
    """A MediaWiki dump: one file, or the parts of one."""

    files: tuple[Path, ...]
    size: PieceSize
    limit: int | None = None
    kind: str = "dump"
    libraries: tuple[str, ...] = _DUMP_LIBRARIES

    def fingerprint(self) -> str:
        """Over names and contents of the files."""
        return content_hash([[file.name, file_hash(file)] for file in self.files], 64)

    def pieces(self) -> Iterator[Piece]:
        """The pieces of all files, in order.

        Raises:
            DataError: a file is no dump, or cut off.
        """
        if self.limit is None:
            for file in self.files:
                yield from dump_pieces(file, self.size)
        else:
            yield from self._first(self.limit)

    def _first(self, left: int) -> Iterator[XmlText]:
        for file in self.files:
            for piece in first_pages(file, left, self.size):
                yield piece
                left -= piece.pages()
            if left <= 0:
                return


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """Records: articles, or passages that are ready."""

    source: Source
    kind: RecordKind
    fields: PassageFields
    part: Part
    libraries: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint()

    def pieces(self) -> Iterator[Piece]:
        """The records in batches, in order.

        Raises:
            DataError: a record breaks a rule of `corpus`.
            HubError: the Hub cannot be reached or refuses.
        """
        return batches(self.source, self.kind, self.fields, self.part)


Plan = DumpPlan | RecordPlan


def plan_for(source: str, config: CorpusConfig) -> Plan:
    """Look at the source and say what it is.

    Raises:
        ConfigError: `kind` must be named.
        DataError: nothing there, or nothing that can be read.
        HubError: the Hub cannot be reached or refuses.
        MissingExtraError: a dump, and its libraries are not installed.
    """
    files = () if source.startswith(HUB_PREFIX) else _dump_files(Path(source), config.kind == "dump")
    if config.kind == "dump" or (config.kind == "auto" and (files or is_dump_name(source))):
        return _dump_plan(source, files, config)
    return _record_plan(source, None if config.kind == "auto" else config.kind, config)


def _record_plan(source: str, kind: RecordKind | None, config: CorpusConfig) -> RecordPlan:
    opened = open_source(source)
    first = first_record(opened)
    fields = PassageFields(config.title_field, config.text_field, config.id_field)
    part = Part(config.limit, 2 * config.piece_kib << 10)
    return RecordPlan(readable(opened, first), kind or kind_of(first), fields, part)


def _dump_plan(source: str, files: tuple[Path, ...], config: CorpusConfig) -> DumpPlan:
    if not files:
        fix = f"Give a MediaWiki dump (.xml, .xml.bz2, .xml.gz) or a folder of its parts, or {SOURCE_FORM}."
        rule = "must hold a MediaWiki dump" if Path(source).exists() else "must exist"
        raise DataError(str(Problem("source", rule, source, fix)))
    for library in _DUMP_LIBRARIES:
        try:
            version(library)
        except PackageNotFoundError as error:
            raise MissingExtraError("wiki", "reading a MediaWiki dump") from error
    size = PieceSize(config.piece_kib << 10, 4 * config.piece_kib << 10)
    return DumpPlan(files, size, config.limit)


def _dump_files(path: Path, named: bool) -> tuple[Path, ...]:
    """The dump files that a path names, parts in the order of their numbers."""
    if path.is_file():
        return (path,) if named or is_dump_name(path.name) else ()
    if not path.is_dir():
        return ()
    found = (file for file in path.iterdir() if file.is_file() and is_dump_name(file.name))
    return tuple(sorted(found, key=_by_number))


def _by_number(file: Path) -> list[str | int]:
    """Text and numbers in turns, so that part 10 comes after part 9."""
    return [int(part) if part.isdigit() else part for part in _NUMBER.split(file.name)]


def rules_of(config: CorpusConfig) -> Rules:
    """The options that decide about passages."""
    return Rules(
        BlockRule(config.words, config.min_words, config.sentences),
        TextRule(config.lists, config.tables),
        config.disambiguation,
    )


def settings_of(plan: Plan, config: CorpusConfig) -> JsonObject:
    """What changes the passages of a given source, by option name; not the number of processes."""
    settings: JsonObject = {"limit": config.limit, "piece-kib": config.piece_kib}
    if plan.kind != "passages":
        settings |= {"words": config.words, "min-words": config.min_words, "sentences": config.sentences}
        settings |= {"disambiguation": config.disambiguation}
    if plan.kind == "dump":
        return settings | {"lists": config.lists, "tables": config.tables}
    fields = {"title-field": config.title_field, "text-field": config.text_field, "id-field": config.id_field}
    return settings | fields


def libraries_of(plan: Plan) -> dict[str, str]:
    """Versions of what the text depends on."""
    return {name: version(name) for name in plan.libraries}


def key_of(plan: Plan, fingerprint: str, config: CorpusConfig) -> str:
    """Hash over all that decides what the passages are."""
    settings = settings_of(plan, config)
    return content_hash([CORPUS_FORMAT, plan.kind, fingerprint, settings, libraries_of(plan)], 64)
