"""Whether a receipt is genuine, and whether files are those it was given for: what settles a dispute."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.models import Submission
from assignments.policies import can_read_receipt
from assignments.submitting import receipts
from assignments.submitting.fetching import submission_limits
from assignments.submitting.receipts import Receipt, ReceivedFile
from classes.policies import Standing
from environments.errors import EnvironmentsError

ARCHIVES = (".tar", ".zip")


class Fits(StrEnum):
    """How a file stands to a receipt."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    """It was received, and is not among the files shown."""
    OTHER = "other"
    """It was not received."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file of a receipt, or one that was shown beside it."""

    path: str
    fits: Fits


@dataclass(frozen=True, slots=True)
class Shown:
    """A file that somebody holds against a receipt; of its folder nothing may be known."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A receipt that is genuine, and what it is for."""

    receipt: Receipt
    submission: Submission
    is_kept: bool
    """Whether Carrel still has exactly what the receipt speaks of."""
    files: Sequence[CheckedFile]
    """Empty where no files were shown."""

    @property
    def is_same(self) -> bool:
        """Whether the files shown are those received, all of them and no others."""
        return all(file.fits == Fits.SAME for file in self.files)


def verify_for(standing: Standing, raw: bytes, uploads: Sequence[tuple[str, bytes]] = ()) -> Verified:
    """What this person's receipt says, which is of a submission in their class that they may see.

    Raises AssignmentError `receipt_invalid`, `receipt_of_another`, and what reading an archive raises.
    """
    receipt = receipts.verify_file(raw)
    submission = (
        Submission.objects.filter(pk=receipt.id, assignment__course=standing.course)
        .select_related("assignment__course", "membership__person")
        .first()
    )
    if submission is None or not can_read_receipt(standing, submission):
        raise AssignmentError("receipt_of_another")
    return Verified(receipt, submission, _is_kept(submission, receipt), compare(receipt, shown_of(uploads, receipt)))


def shown_of(uploads: Sequence[tuple[str, bytes]], receipt: Receipt) -> list[Shown]:
    """These files, by name and content, as they are compared; an archive alone stands for what is in it."""
    if len(uploads) == 1 and uploads[0][0].lower().endswith(ARCHIVES):
        [(_name, raw)] = uploads
        if _sha256(raw) not in {file.sha256 for file in receipt.files}:
            bundle = files.from_archive(raw, limits=submission_limits()).bundle
            return [Shown(file.path, file.sha256) for file in bundle]
    return [Shown(name, _sha256(raw)) for name, raw in uploads]


def compare(receipt: Receipt, shown: Iterable[Shown]) -> list[CheckedFile]:
    """Each file of the receipt, and each that was shown and is none of them; nothing if nothing was shown.

    What has the same content is the same file. What has another is taken for the one of its name, in whatever folder.
    """
    left = list(shown)
    if not left:
        return []
    fits: dict[str, Fits] = {}
    for file in receipt.files:
        if _taken(left, [one for one in left if one.sha256 == file.sha256]):
            fits[file.path] = Fits.SAME
    for file in receipt.files:
        if file.path not in fits:
            is_there = _taken(left, [one for one in left if _may_be(one, file)])
            fits[file.path] = Fits.CHANGED if is_there else Fits.MISSING
    checked = [CheckedFile(file.path, fits[file.path]) for file in receipt.files]
    return [*checked, *(CheckedFile(one.path, Fits.OTHER) for one in left)]


# --- Steps -------------------------------------------------------------------------------------------------


def _is_kept(submission: Submission, receipt: Receipt) -> bool:
    if submission.bundle != receipt.sha256:
        return False
    try:
        artefacts.read(submission.bundle)
    except EnvironmentsError:
        return False
    return True


def _taken(left: list[Shown], candidates: Sequence[Shown]) -> bool:
    """Whether there is a candidate; the first of them is left no more."""
    if candidates:
        left.remove(candidates[0])
    return bool(candidates)


def _may_be(shown: Shown, file: ReceivedFile) -> bool:
    return PurePosixPath(shown.path).name == PurePosixPath(file.path).name


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
