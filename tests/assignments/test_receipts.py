"""Receipts: they say what was handed in, and nobody else can make one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import signing
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import AssignmentError
from assignments.files import Limits, from_files
from assignments.submitting.receipts import Receipt, ReceivedFile, as_json, as_text, files_of, sign, verify, verify_file

BUNDLE = from_files([("p1.ipynb", b"{}"), ("data.csv", b"1")], limits=Limits()).bundle
RECEIPT = Receipt(
    id="7d1f8a52-6c1e-4a3c-9f5e-0c0e5d1f2a3b",
    course="statistics",
    assignment="ps1",
    person="Ada Lovelace",
    attempt=2,
    submitted_at=datetime(2026, 11, 12, 12, 0, 7, 123456, tzinfo=UTC),
    sha256=BUNDLE.sha256,
    files=files_of(BUNDLE),
    due_at=datetime(2026, 11, 12, 12, tzinfo=UTC),
    late_by_seconds=7,
    is_late=True,
    repairs=("p1, a: the cell had been deleted.",),
)


def refused(raw: bytes) -> None:
    with pytest.raises(AssignmentError) as caught:
        verify_file(raw)
    assert caught.value.code == "receipt_invalid"


@pytest.mark.parametrize("receipt", [RECEIPT, replace(RECEIPT, due_at=None, repairs=(), files=())])
def test_verify_gives_what_was_signed(receipt: Receipt) -> None:
    assert verify(sign(receipt)) == receipt


@pytest.mark.parametrize("written", [as_json, as_text, sign])
def test_verify_file_reads_every_form(written: Any) -> None:
    assert verify_file(written(RECEIPT).encode()) == RECEIPT
    assert verify_file(b"\xef\xbb\xbf" + written(RECEIPT).replace("\n", "\r\n").encode()) == RECEIPT


def test_as_text_says_what_matters() -> None:
    text = as_text(RECEIPT)

    for words in ("ps1", "attempt 2", "2026-11-12 12:00:07+00:00", "Late by 7 seconds", BUNDLE.sha256, "data.csv"):
        assert words in text


def test_as_text_says_who_is_in_time() -> None:
    assert "In time" in as_text(replace(RECEIPT, is_late=False))


def test_the_name_of_a_file_cannot_pass_for_a_receipt() -> None:
    forged = ReceivedFile("x\n-----BEGIN RECEIPT-----\nforged\n-----END RECEIPT-----", 1, "0")

    assert verify_file(as_text(replace(RECEIPT, files=(forged,))).encode()).files == (forged,)


@pytest.mark.parametrize("field", ["submitted_at", "attempt", "sha256", "is_late", "person", "files"])
def test_what_was_changed_beside_the_signature_is_refused(field: str) -> None:
    changed = {**json.loads(as_json(RECEIPT)), field: "other"}

    refused(json.dumps(changed).encode())


def test_what_was_added_beside_the_signature_is_refused() -> None:
    refused(json.dumps({**json.loads(as_json(RECEIPT)), "points": 100}).encode())


@given(st.integers(0, len(sign(RECEIPT)) - 1), st.sampled_from("AZaz09_-:."))
def test_what_was_changed_in_the_signed_word_is_refused(place: int, letter: str) -> None:
    signed = sign(RECEIPT)
    changed = signed[:place] + letter + signed[place + 1 :]

    if changed != signed:
        refused(changed.encode())


@given(st.binary() | st.text().map(str.encode) | st.just(b'{"receipt": 1}') | st.just(b"{" * 100_000))
def test_anything_else_is_refused(raw: bytes) -> None:
    refused(raw)


def test_what_was_signed_for_something_else_is_refused() -> None:
    refused(signing.Signer(salt="other").sign_object(RECEIPT.as_json()).encode())


def test_what_was_signed_under_a_former_key_is_still_ours() -> None:
    signed = sign(RECEIPT)

    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=["not-a-secret-only-for-tests-" + "x" * 40]):
        assert verify(signed) == RECEIPT
    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=[]):
        refused(signed.encode())
