"""Sealed rows: nothing of the question stands in them in clear, and with their canary they open again."""

import base64
import dataclasses
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_rows import rows, sample_row
from trajset.builder.canary import decrypt, encrypt
from trajset.builder.errors import DataError
from trajset.builder.rescore import rescore
from trajset.builder.schema import Outcome, Row, StopReason
from trajset.builder.sealed import (
    MARK,
    canary_of,
    opener,
    refuse_sealed,
    seal,
    seal_text,
    unseal,
    unseal_text,
)
from trajset.builder.table import rows_from_table, table_from_rows

CANARY = "BENCHMARK DATA. canary GUID made-up:0000"
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_encryption_is_undone_by_its_canary(text: str, canary: str) -> None:
    assert decrypt(encrypt(text, canary), canary) == text


def test_encryption_is_that_of_browsecomp() -> None:
    """The SHA-256 of the canary over the text, repeated."""
    key = hashlib.sha256(b"k").digest()
    assert base64.b64decode(encrypt("A" * 33, "k")) == bytes(65 ^ byte for byte in (*key, key[0]))


@given(rows)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sealed_row_opens_to_the_same(row: Row) -> None:
    sealed = seal(row, CANARY)
    assert canary_of(sealed) == CANARY
    assert unseal(sealed) == row
    assert seal(sealed, CANARY) == sealed


def test_nothing_of_the_question_stays_in_clear() -> None:
    row = sample_row(3, answer="Ravenna", text="Ravenna is a town.")
    row = dataclasses.replace(
        row, outcome=Outcome("Ravenna", StopReason.INFRASTRUCTURE, "ChatUnavailableError: of Ravenna")
    )
    sealed = seal(row, CANARY)
    told = repr(sealed)
    for clear in ("capital 3", "Ravenna", "Rome", "It says so", "I look it up"):
        assert clear in repr(row)
        assert clear not in told
    assert "Search before you answer." in told
    assert sealed.outcome.error is not None
    assert sealed.outcome.error.startswith(f"ChatUnavailableError: {MARK}")
    assert sealed.scores == row.scores
    assert sealed.search_use.n_searches == row.search_use.n_searches
    assert list(rows_from_table(table_from_rows([sealed]))) == [sealed]


def test_rows_in_clear_stay_as_they_are() -> None:
    row = sample_row(1)
    assert unseal(row) is row
    assert canary_of(row) is None
    assert opener(row.question.question)("Rome") == "Rome"


def test_a_row_sealed_with_another_canary_is_told() -> None:
    row, other = seal(sample_row(1), CANARY), seal(sample_row(1), "another canary")
    mixed = dataclasses.replace(row, conversation=other.conversation)
    with pytest.raises(DataError, match="must be sealed with the canary"):
        unseal(mixed)


def test_sealed_rows_are_refused_where_they_must_not_go() -> None:
    clear = [sample_row(1), sample_row(2)]
    assert list(refuse_sealed(clear, "trained on")) == clear
    with pytest.raises(DataError, match="which is never trained on"):
        list(refuse_sealed([sample_row(1), seal(sample_row(2), CANARY)], "trained on"))


def test_a_text_on_its_own() -> None:
    assert unseal_text(seal_text("Ravenna", CANARY)) == "Ravenna"
    assert unseal_text("in clear") == "in clear"
    assert "Ravenna" not in seal_text("Ravenna", CANARY)


def test_rescoring_a_sealed_row_scores_what_it_says() -> None:
    row = sample_row(1)
    fresh = rescore([row], lambda _: None)
    sealed = rescore([seal(row, CANARY)], lambda _: None)
    assert (sealed.rows, sealed.changed.keys()) == (1, fresh.changed.keys())
    wrong = dataclasses.replace(row, scores=dataclasses.replace(row.scores, f1=0.25))
    again = rescore([seal(wrong, CANARY)], lambda _: None)
    assert "f1" in again.changed
    assert again.columns is not None
    assert again.columns.column("f1").to_pylist() == [1.0]
