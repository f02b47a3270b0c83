"""`trajset import`: files of foreign transcripts -> rows, judgements, and counts of what came in.

- No record is dropped but those that their own source does not count (`Format.omitted`); they are counted.
  What no parser can read becomes a row with stop reason `UNPARSED`, the reason in `error` and the raw record
  as JSON in one user message named `UNPARSED_NAME`: nothing in it is a model turn, and its scores are null.
  What is wrong with a file as a whole is an error before anything is parsed.
- A row's id needs the question, the teacher and the prompt. The question's id is the source's own where that
  is more than a number, else a content hash of question set and question. The teacher is what the config
  names, else what the record says, else the file's name. Repeats of all three get the sample index 0, 1, ...
- A judge's verdict in the source becomes a judgement of the judge `JUDGE`, a person's a label that says
  nothing of how the answer was come by, dated with the import.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..config import ImportConfig
from ..errors import ConfigError, DataError, Problem
from ..identity import content_hash, file_hash, text_hash
from ..rows import Origin, Sample, build_row, row_id
from ..schema import (
    Conversation,
    JsonObject,
    Judgement,
    Label,
    Message,
    Outcome,
    Question,
    Row,
    StopReason,
    Trajectory,
)
from .counts import FileCounts, Taken, Verdicts, count_rows
from .evouna import ANNOTATOR
from .fields import DATASET, QUESTION, VERDICT, gold_answers, source_id, text_field
from .files import Record, bare_name, read_records
from .formats import FORMATS, Format, records_of, sniff
from .reading import Reading, UnreadableError

JUDGE = "llm_judge"
UNPARSED_NAME = "unparsed"

Progress = Callable[[int, int], None]
"""Called with the records done and the records in all."""

GoldAnswers = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row came from: the file's name, and its place there from 0 or its key."""

    file: str
    index: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows in the order of files and records, judgements, labels, counts per file, and each row's source."""

    rows: list[Row]
    judgements: list[Judgement]
    labels: list[Label]
    counts: list[FileCounts]
    sources: dict[str, Source]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    records: list[Record]
    format: Format
    teacher: str | None
    omitted: Counter[str]


@dataclass(frozen=True, slots=True)
class _Run:
    """What is the same for all records of an import."""

    config: ImportConfig
    id: str
    gold: GoldAnswers
    created_at: datetime


def read_transcripts(
    paths: Sequence[Path], config: ImportConfig, created_at: datetime, progress: Progress | None = None
) -> Imported:
    """All records of the files as rows. `created_at` (with a time zone) goes into every row.

    Raises:
        ConfigError: no files, or teachers that do not match the files.
        DataError: a file that cannot be read, is no JSON or in no known format; a gold file without answers.
    """
    files = _open(paths, config)
    run = _Run(config, _run_id(paths, config), _gold(config.gold), created_at)
    total, seen = sum(len(file.records) for file in files), Counter[str]()
    imported = Imported([], [], [], [], {})
    for file in files:
        part = _read_file(file, run, seen, _after(len(imported.rows), total, progress))
        imported.rows.extend(part.rows)
        imported.judgements.extend(part.judgements)
        imported.labels.extend(part.labels)
        imported.counts.extend(part.counts)
        imported.sources.update(part.sources)
    return imported


def _after(done: int, total: int, progress: Progress | None) -> Callable[[int], None]:
    """Progress within a file as progress over all files."""
    return lambda count: progress(done + count, total) if progress else None


def _read_file(file: _File, run: _Run, seen: Counter[str], progress: Callable[[int], None]) -> Imported:
    part = Imported([], [], [], [], {})
    for record in file.records:
        reading = _reading(record, file, run)
        _add(part, _row(reading, record, file, run, seen), file, record)
        if reading.correct is not None:
            part.labels.append(_label(part.rows[-1], reading.correct))
        progress(len(part.rows))
    taken = Taken(file.path.name, file.format.name, run.config.format == "auto")
    verdicts = Verdicts(len(part.judgements), len(part.labels))
    part.counts.append(count_rows(taken, part.rows, verdicts, file.omitted))
    return part


def _open(paths: Sequence[Path], config: ImportConfig) -> list[_File]:
    names = config.teacher or (None,)
    if not paths:
        raise ConfigError(str(Problem("files", "must be at least one", [], "Name the files to import.")))
    if len(names) not in (1, len(paths)):
        fix = f"Give --teacher once, or {len(paths)} times in the order of the files."
        raise ConfigError(str(Problem("teacher", "must be one, or one a file", list(names), fix)))
    teachers = names if len(names) == len(paths) else names * len(paths)
    return [_opened(path, teacher, config) for path, teacher in zip(paths, teachers, strict=True)]


def _opened(path: Path, teacher: str | None, config: ImportConfig) -> _File:
    records = read_records(path)
    made = sniff(path, records) if config.format == "auto" else FORMATS[config.format]
    kept, omitted = records_of(made, records)
    if not kept:
        fix = "Leave the file out."
        raise DataError(str(Problem(str(path), "must hold a record that counts", dict(omitted), fix)))
    return _File(path, kept, made, teacher, omitted)


def _run_id(paths: Sequence[Path], config: ImportConfig) -> str:
    return f"import-{content_hash([config.format, [file_hash(path) for path in paths]], 8)}"


def _gold(path: Path | None) -> GoldAnswers:
    if path is None:
        return {}
    found = {
        question: answers
        for record in read_records(path)
        if (question := text_field(record.data, QUESTION)) and (answers := gold_answers(record.data))
    }
    if not found:
        fix = "Give a file of records with `question` and `answer`."
        raise DataError(str(Problem(str(path), "must hold questions with answers", "none of them", fix)))
    return found


def _reading(record: Record, file: _File, run: _Run) -> Reading:
    try:
        return file.format.parse(record.data, frozenset(run.config.search_tools))
    except UnreadableError as error:
        return _unparsed(record.data, file.format, str(error))


def _label(row: Row, correct: bool) -> Label:
    when = row.provenance.created_at
    return Label(row.id, ANNOTATOR, correct, grounded=None, note=None, labelled_at=when)


def _row(reading: Reading, record: Record, file: _File, run: _Run, seen: Counter[str]) -> Row:
    question = _question(reading, record.data, run)
    origin = _origin(reading, file, run)
    first = row_id(question.question_id, origin, Sample())
    sample = Sample(seen[first])
    seen[first] += 1
    trajectory = Trajectory(question, reading.conversation, reading.outcome, reading.searches, reading.cost)
    return build_row(trajectory, origin, sample, run.created_at)


def _unparsed(data: JsonObject, made: Format, reason: str) -> Reading:
    raw = json.dumps(data, ensure_ascii=False, default=str)
    messages = (Message("user", raw, name=UNPARSED_NAME),)
    outcome = Outcome(None, StopReason.UNPARSED, f"Unparsed: {reason}")
    return Reading(text_field(data, QUESTION) or "", Conversation(messages, (), made.grammar), outcome)


def _question(reading: Reading, data: JsonObject, run: _Run) -> Question:
    dataset = text_field(data, DATASET) or run.config.dataset
    identity = [dataset, reading.question or reading.conversation.messages[0].content]
    gold = run.gold.get(reading.question) or gold_answers(data)
    return Question(source_id(data) or content_hash(identity), dataset, reading.question, gold)


def _origin(reading: Reading, file: _File, run: _Run) -> Origin:
    prompt = "" if reading.prompt is None else f"@{text_hash(reading.prompt, 8)}"
    teacher = file.teacher or reading.teacher or bare_name(file.path)
    return Origin(run.id, teacher, prompt_id=f"import:{file.format.name}{prompt}")


def _add(imported: Imported, row: Row, file: _File, record: Record) -> None:
    imported.rows.append(row)
    imported.sources[row.id] = Source(file.path.name, record.index)
    judgement = judgement_of(row.id, record.data)
    if judgement is not None:
        imported.judgements.append(judgement)


def judgement_of(row: str, data: JsonObject) -> Judgement | None:
    """The verdict that a record carries (fields `VERDICT`), None where it carries none.

    `true` and `false` in any case are verdicts; whatever else stands there is kept as the rationale, with the
    verdict null: unreadable is not "no".
    """
    for name, model in VERDICT.items():
        value = data.get(name)
        if value is None:
            continue
        verdict = {"true": True, "false": False}.get(str(value).strip().rstrip(".").casefold())
        rationale = str(value) if verdict is None else None
        return Judgement(row, JUDGE, model, None, verdict, None, rationale, None, None)
    return None
