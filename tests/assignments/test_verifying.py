"""Receipts are held against what was received: on the page of the class, and by whoever runs Carrel."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from assignments.files import Bundle, File
from assignments.models import Assignment, Submission, Way
from assignments.submitting.receipts import as_json, as_text, verify
from assignments.submitting.submissions import receive
from assignments.submitting.verifying import CheckedFile, Fits, compare, shown_of
from classes.models import Role
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

DATA = b"1,2"
TABLE = "data/table.csv"


@pytest.fixture
def submission(now: datetime) -> Submission:
    """Ada's: a notebook, and data in a folder."""
    assignment = AssignmentFactory.create(name="given", title="Sums")
    released(assignment)
    ada = member(assignment.course, "ada")
    ada.person.display_name = "Ada Lovelace"  # Nothing that a token could have in it by chance.
    ada.person.save()
    for name, role in (("eve", Role.STUDENT), ("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        member(assignment.course, name, role)
    bundle = Bundle((File(TABLE, DATA), File("problem1.ipynb", EMPTY_NOTEBOOK)))
    return receive(assignment, ada, bundle, way=Way.LAB, by=ada.person, now=now)


# --- Files held against a receipt --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uploads", "fits"),
    [
        (
            [("problem1.ipynb", EMPTY_NOTEBOOK), ("table.csv", DATA)],
            {TABLE: "same", "problem1.ipynb": "same"},
        ),
        ([("problem1 (1).ipynb", EMPTY_NOTEBOOK)], {TABLE: "missing", "problem1.ipynb": "same"}),
        ([("problem1.ipynb", b"other")], {TABLE: "missing", "problem1.ipynb": "changed"}),
        ([("new.txt", b"new")], {TABLE: "missing", "problem1.ipynb": "missing", "new.txt": "other"}),
        ([], {}),
    ],
    ids=["all", "under another name", "changed", "another", "none"],
)
def test_compare_says_how_each_file_stands(
    submission: Submission, uploads: list[tuple[str, bytes]], fits: dict[str, str]
) -> None:
    receipt = verify(submission.receipt)

    checked = compare(receipt, shown_of(uploads, receipt))

    assert {file.path: file.fits for file in checked} == fits


def test_compare_looks_into_an_archive(submission: Submission) -> None:
    receipt = verify(submission.receipt)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("given/problem1.ipynb", EMPTY_NOTEBOOK)
        archive.writestr("given/data/table.csv", DATA)

    checked = compare(receipt, shown_of([("given.zip", packed.getvalue())], receipt))

    assert checked == [CheckedFile(TABLE, Fits.SAME), CheckedFile("problem1.ipynb", Fits.SAME)]


def test_two_files_of_the_same_content_are_two(submission: Submission) -> None:
    receipt = verify(submission.receipt)

    checked = compare(receipt, shown_of([("a.csv", DATA), ("b.csv", DATA)], receipt))

    assert [file.fits for file in checked] == [Fits.SAME, Fits.MISSING, Fits.OTHER]


# --- The page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ada", "grader", "teacher"])
@pytest.mark.parametrize("ending", ["txt", "json"])
def test_receipt_as_downloaded_is_genuine(client: Client, submission: Submission, who: str, ending: str) -> None:
    _sign_in(client, submission, who)
    downloaded = client.get(_place(submission) + f"given/submissions/{submission.pk}/receipt.{ending}")

    page = _check(client, submission, downloaded.content)

    assert downloaded["Content-Disposition"] == f'attachment; filename="receipt-given-1.{ending}"'
    assert "This receipt is genuine" in page
    assert "Carrel still has exactly these files" in page
    assert submission.bundle in page


def test_files_beside_a_receipt_are_compared(client: Client, submission: Submission) -> None:
    _sign_in(client, submission, "teacher")

    same = _check(client, submission, _receipt(submission), problem1_ipynb=EMPTY_NOTEBOOK, table_csv=DATA)
    changed = _check(client, submission, _receipt(submission), problem1_ipynb=b"after the deadline")

    assert "all of them and no others" in same
    assert "not what was received" in changed


def test_receipt_that_was_changed_is_refused_in_words(client: Client, submission: Submission) -> None:
    _sign_in(client, submission, "ada")
    changed = as_json(verify(submission.receipt)).replace('"attempt": 1', '"attempt": 2').encode()

    page = _check(client, submission, changed, status=422)

    assert "no receipt of this Carrel" in page


@pytest.mark.parametrize("who", ["eve", "other class", "grader of the nameless"])
def test_receipt_of_another_tells_nothing(client: Client, submission: Submission, who: str) -> None:
    receipt = _receipt(submission)
    if who == "eve":
        _sign_in(client, submission, "eve")
    elif who == "other class":
        submission.assignment.course = AssignmentFactory.create().course
        client.force_login(member(submission.assignment.course, "teacher2", Role.TEACHER).person)
    else:
        Assignment.objects.update(is_anonymous=True)
        _sign_in(client, submission, "grader")

    page = _check(client, submission, receipt, status=403)

    assert "This receipt is genuine, but" in page
    assert submission.bundle not in page


def test_receipt_names_nobody_to_those_from_whom_names_are_hidden(client: Client, submission: Submission) -> None:
    Assignment.objects.update(is_anonymous=True)
    _sign_in(client, submission, "grader")
    place = _place(submission) + f"given/submissions/{submission.pk}/"

    assert client.get(place + "receipt.txt").status_code == 404
    assert "Lovelace" not in client.get(place).content.decode()


def test_files_that_are_lost_are_said_to_be(client: Client, submission: Submission) -> None:
    _sign_in(client, submission, "teacher")
    receipt = _receipt(submission)
    Submission.objects.update(bundle="0" * 64)

    assert "has these files no more" in _check(client, submission, receipt)


def test_more_than_can_have_been_submitted_is_not_read(
    client: Client, submission: Submission, settings: Settings
) -> None:
    settings.SUBMISSION_MB = 0
    _sign_in(client, submission, "teacher")

    page = _check(client, submission, _receipt(submission), status=413, problem1_ipynb=b"x")

    assert "larger than" in page


# --- Whoever runs Carrel -----------------------------------------------------------------------------------


def test_command_checks_a_receipt_and_files(submission: Submission, tmp_path: Path) -> None:
    kept = _written(tmp_path / "receipt.txt", _receipt(submission))
    files = [_written(tmp_path / "table.csv", DATA), _written(tmp_path / "problem1.ipynb", EMPTY_NOTEBOOK)]
    said = io.StringIO()

    call_command("receipt", kept, *files, stdout=said)

    assert f"Genuine: receipt {submission.pk}" in said.getvalue()
    assert said.getvalue().count("the same") == 2


@pytest.mark.parametrize(
    ("receipt", "words"), [(b"forged", "no receipt of this Carrel"), (None, "not those"), (..., "cannot be read")]
)
def test_command_fails_where_not_all_is_well(submission: Submission, tmp_path: Path, receipt: Any, words: str) -> None:
    kept = tmp_path / "receipt.txt"
    if receipt is not ...:
        _written(kept, receipt or _receipt(submission))

    with pytest.raises(CommandError, match=words):
        call_command("receipt", str(kept), _written(tmp_path / "problem1.ipynb", b"changed"), stdout=io.StringIO())


# --- Steps -------------------------------------------------------------------------------------------------


def _receipt(submission: Submission) -> bytes:
    return as_text(verify(submission.receipt)).encode()


def _place(submission: Submission) -> str:
    return f"/classes/{submission.assignment.course.slug}/assignments/"


def _sign_in(client: Client, submission: Submission, username: str) -> None:
    client.force_login(submission.assignment.course.memberships.get(person__username=username).person)


def _check(client: Client, submission: Submission, receipt: bytes, *, status: int = 200, **files: bytes) -> str:
    shown = [SimpleUploadedFile(name.replace("_", "."), content) for name, content in files.items()]
    sent = {"receipt": SimpleUploadedFile("receipt.txt", receipt), "files": shown}
    response = client.post(_place(submission) + "-/receipts/", sent)
    assert response.status_code == status
    return response.content.decode()


def _written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)
