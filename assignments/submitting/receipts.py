"""Receipts: what somebody handed in and when, signed so that nobody can have said it but this Carrel.

A receipt is made to be kept by whoever handed it in, and shown when there is a dispute: so it says all of what it
vouches for, and can be read without us. What was signed under a former secret key is still ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assignments.errors import AssignmentError
from assignments.files import Bundle

MAX_BYTES = 2_000_000
_SALT = "carrel: assignments.receipts"
_BEGIN, _END = "-----BEGIN RECEIPT-----", "-----END RECEIPT-----"
_WIDTH = 76


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file as it was received."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was handed in: by whom, when by our clock, and what exactly."""

    id: str
    course: str
    assignment: str
    person: str
    attempt: int
    submitted_at: datetime
    sha256: str
    """Of the bundle."""
    files: tuple[ReceivedFile, ...]
    due_at: datetime | None = None
    late_by_seconds: int = 0
    is_late: bool = False
    repairs: tuple[str, ...] = ()
    """In words."""

    def as_json(self) -> dict[str, Any]:
        """As it travels; times with their zone."""
        return {
            **asdict(self),
            "submitted_at": self.submitted_at.isoformat(),
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "files": [[file.path, file.size, file.sha256] for file in self.files],
            "repairs": list(self.repairs),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Receipt:
        """What `as_json` gave."""
        return cls(
            **{
                **stored,
                "submitted_at": datetime.fromisoformat(stored["submitted_at"]),
                "due_at": datetime.fromisoformat(stored["due_at"]) if stored["due_at"] else None,
                "files": tuple(ReceivedFile(*file) for file in stored["files"]),
                "repairs": tuple(stored["repairs"]),
            }
        )


def files_of(bundle: Bundle) -> tuple[ReceivedFile, ...]:
    """The files of a bundle as a receipt lists them."""
    return tuple(ReceivedFile(file.path, len(file.content), file.sha256) for file in bundle)


def receipt_kept(signed: str, *, otherwise: Callable[[], Receipt]) -> Receipt:
    """What was signed when it was received; where that was with a key that is gone, what can be said now."""
    try:
        return verify(signed)
    except AssignmentError:
        return otherwise()


def sign(receipt: Receipt) -> str:
    """The receipt as one word that only we can make, and that says all that is in it."""
    return _signer().sign_object(receipt.as_json(), compress=True)


def verify(signed: str) -> Receipt:
    """What was signed. Raises AssignmentError `receipt_invalid`."""
    if len(signed) > MAX_BYTES:
        raise AssignmentError("receipt_invalid")
    try:
        return Receipt.from_json(_signer().unsign_object("".join(signed.split())))
    except (signing.BadSignature, ValueError, TypeError, KeyError) as error:
        raise AssignmentError("receipt_invalid", detail=str(error)) from error


def as_json(receipt: Receipt) -> str:
    """The receipt as a file for programs."""
    return json.dumps({**receipt.as_json(), "receipt": sign(receipt)}, indent=2) + "\n"


def as_text(receipt: Receipt) -> str:
    """The receipt as a file for people, in the active language, with what can be verified at its end."""
    signed = sign(receipt)
    lines = [
        _("Receipt {id}").format(id=receipt.id),
        "",
        _("Class: {course}").format(course=receipt.course),
        _("Assignment: {assignment}, attempt {attempt}").format(assignment=receipt.assignment, attempt=receipt.attempt),
        _("Handed in by: {person}").format(person=receipt.person),
        _("Received at: {time}").format(time=receipt.submitted_at.isoformat(sep=" ", timespec="seconds")),
        *_dates(receipt),
        f"SHA-256: {receipt.sha256}",
        "",
        ngettext("{count} file:", "{count} files:", len(receipt.files)).format(count=len(receipt.files)),
        *(f"  {file.sha256}  {file.size:>12}  {_one_line(file.path)}" for file in receipt.files),
        *([""] if receipt.repairs else []),
        *(f"* {_one_line(repair)}" for repair in receipt.repairs),
        "",
        _BEGIN,
        *(signed[start : start + _WIDTH] for start in range(0, len(signed), _WIDTH)),
        _END,
        "",
    ]
    return "\n".join(lines)


def verify_file(raw: bytes) -> Receipt:
    """The receipt in a file that was downloaded, in either form, or that is the signed word alone.

    What counts is what was signed. In the form for programs nothing else may stand beside it; the words around it in
    the form for people are not looked at, so show what this returns. Raises AssignmentError `receipt_invalid`.
    """
    if len(raw) > MAX_BYTES:
        raise AssignmentError("receipt_invalid")
    try:
        text = raw.decode("utf-8-sig")
        if not text.lstrip().startswith("{"):
            return verify(_signed_part(text))
        stored = json.loads(text)
        receipt = verify(str(stored.pop("receipt")))
    except (ValueError, KeyError, RecursionError) as error:
        raise AssignmentError("receipt_invalid", detail=str(error)) from error
    if stored != receipt.as_json():
        raise AssignmentError("receipt_invalid")
    return receipt


def _signed_part(text: str) -> str:
    if _BEGIN not in text:
        return text
    return text.rpartition(_BEGIN)[2].partition(_END)[0]


def _dates(receipt: Receipt) -> list[str]:
    if receipt.due_at is None:
        return []
    due = _("Due at: {time}").format(time=receipt.due_at.isoformat(sep=" ", timespec="seconds"))
    if receipt.is_late:
        return [due, _("Late by {seconds} seconds").format(seconds=receipt.late_by_seconds)]
    return [due, _("In time")]


def _one_line(words: str) -> str:
    """Words of somebody else's that cannot begin a line of their own."""
    return " ".join(words.split())


def _signer() -> signing.Signer:
    return signing.Signer(salt=_SALT, algorithm="sha256")
