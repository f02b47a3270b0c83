"""Which questions a text names: a public set (`hotpotqa:train`), a file, or `hf:REPO[@REVISION][:SPLIT]`.

`NAME=PLACE` reads a file or a Hub reference in the layout of a public set, or as a set of that name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .canary import Cipher
from .errors import DataError, Problem, unknown
from .source_config import QuestionFields
from .source_files import Record
from .source_hub import HUB_PREFIX
from .sources import SOURCE_FORM, Source, open_source

NAMED_FORM = "NAME[@REVISION][:SPLIT]"
_NAMED = re.compile(r"(?P<name>[\w-]+)(?:@(?P<revision>[^:\s]+))?(?::(?P<split>\w+))?")
_PLACED = re.compile(r"(?P<name>[\w.-]+)=(?P<place>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public question set on the Hub.

    `licence` is the Hub's identifier, or `unknown`. `fields` say where a record keeps what; `hops_field` may
    be missing in a record. `fixed_hops` holds for every question. A set with a `cipher` has a canary.
    """

    name: str
    repo: str
    config: str | None
    splits: tuple[str, ...]
    licence: str
    dataset: str
    fields: QuestionFields
    fixed_hops: int | None = None
    cipher: Cipher | None = None

    def reference(self, revision: str | None, split: str) -> str:
        """The form for `open_source`."""
        at = f"@{revision}" if revision else ""
        config = f"{self.config}/" if self.config else ""
        return f"{HUB_PREFIX}{self.repo}{at}:{config}{split}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read and how. A question that stands several times under one id `merges` its gold answers.

    `passages`: keep those that the records bring.
    """

    place: str
    dataset: str | None
    fields: QuestionFields
    licence: str | None = None
    fixed_hops: int | None = None
    hops_optional: bool = False
    merges: bool = False
    cipher: Cipher | None = None
    passages: bool = False

    def open(self) -> Source:
        """The source.

        Raises: what `open_source` raises.
        """
        return open_source(self.place)

    def clear(self, record: Record) -> Record:
        """A record of the source, decrypted in memory where it is encrypted.

        Raises:
            DataError: it does not follow the cipher.
        """
        return record if self.cipher is None else self.cipher.opened(record)

    def records(self, opened: Source) -> Iterator[Record]:
        """All records in clear. Raises what reading and `clear` raise."""
        return map(self.clear, opened.records())


@cache
def public_sets() -> dict[str, PublicSet]:
    """The sets that ship with trajset, by name."""
    text = files(__package__ or "").joinpath("question_sets", "public.toml").read_text("utf-8")
    return {name: _public_set(name, values) for name, values in tomllib.loads(text).items()}


def _public_set(name: str, values: dict[str, Any]) -> PublicSet:
    return PublicSet(
        name=name,
        repo=values["repo"],
        config=values.get("config"),
        splits=tuple(values["splits"]),
        licence=values["licence"],
        dataset=values.get("dataset", name),
        fields=QuestionFields(
            question_field=values.get("question"),
            answer_field=tuple(values.get("answer", ())),
            id_field=values.get("id"),
            titles_field=values.get("titles"),
            hops_field=values.get("hops"),
            type_field=values.get("type"),
        ),
        fixed_hops=values.get("fixed_hops"),
        cipher=_cipher(values),
    )


def _cipher(values: dict[str, Any]) -> Cipher | None:
    if not {"canary", "canary_field"} & values.keys():
        return None
    return Cipher(tuple(values.get("encrypted", ())), values.get("canary"), values.get("canary_field"))


def reading_of(text: str, fields: QuestionFields) -> Reading:
    """What a text names; what exists on disk is a file or folder. Nothing is asked of the Hub yet.

    Raises:
        DataError: neither a file, nor a Hub reference, nor a public set; or a set without that split.
    """
    if text.startswith(HUB_PREFIX) or Path(text).exists():
        return Reading(text, None, fields, fields.questions_licence)
    if placed := _PLACED.fullmatch(text):
        return _placed(placed["name"], placed["place"], fields)
    match = _NAMED.fullmatch(text)
    if match is None:
        return Reading(text, None, fields, fields.questions_licence)
    known = public_sets().get(match["name"])
    if known is None:
        fix = f"{unknown('name', match['name'], public_sets())} Or give {SOURCE_FORM}."
        raise DataError(str(Problem("questions", "must exist", text, fix)))
    return _reading(known, match["revision"], _split(known, match["split"]), fields)


def _placed(name: str, place: str, fields: QuestionFields) -> Reading:
    """A place of one's own, in the layout of the public set of that name where there is one."""
    known = public_sets().get(name)
    if known is None:
        return Reading(place, name, fields, fields.questions_licence)
    return replace(_reading(known, None, known.splits[0], fields), place=place)


def _split(known: PublicSet, wanted: str | None) -> str:
    if wanted is None and len(known.splits) > 1:
        fix = f"Name one: {', '.join(f'{known.name}:{split}' for split in known.splits)}."
        raise DataError(str(Problem("split", "must be named where there are several", known.name, fix)))
    split = wanted or next(iter(known.splits))
    if split not in known.splits:
        raise DataError(str(unknown(f"split of {known.name} with answers", split, known.splits)))
    return split


def _reading(known: PublicSet, revision: str | None, split: str, fields: QuestionFields) -> Reading:
    return Reading(
        place=known.reference(revision, split),
        dataset=known.dataset,
        fields=_over(fields, known.fields),
        licence=fields.questions_licence or known.licence,
        fixed_hops=None if fields.hops_field else known.fixed_hops,
        hops_optional=fields.hops_field is None,
        merges=True,
        cipher=known.cipher,
    )


def _over(given: QuestionFields, known: QuestionFields) -> QuestionFields:
    """The given fields, and the known ones where none is given."""
    return QuestionFields(
        question_field=given.question_field or known.question_field,
        answer_field=given.answer_field or known.answer_field,
        id_field=given.id_field or known.id_field,
        titles_field=given.titles_field or known.titles_field,
        hops_field=given.hops_field or known.hops_field,
        type_field=given.type_field or known.type_field,
        questions_licence=given.questions_licence,
    )


def question_facts(text: str, fields: QuestionFields) -> dict[str, str]:
    """What a manifest says of the questions beside their name: where on the Hub, and under which licence.

    Raises:
        DataError: what `reading_of` raises.
    """
    reading = reading_of(text, fields)
    place = {"questions-source": reading.place} if reading.place.startswith(HUB_PREFIX) else {}
    return place | ({"questions-licence": reading.licence} if reading.licence else {})
