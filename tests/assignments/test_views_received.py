"""What was received can be looked at and taken away by whoever submitted it, and by those who grade."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from assignments.deadlines import LateRule
from assignments.files import Bundle, File
from assignments.models import Submission, Way
from assignments.submitting.submissions import receive
from classes.models import Role
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

HOSTILE = "<script>alert('from a student')</script>"
QUERIES = 20


@pytest.fixture
def submission(now: datetime) -> Submission:
    """Ada's, an hour late: a notebook, a damaged one, a text, and something that is no text."""
    assignment = AssignmentFactory.create(
        name="given", due_at=now - timedelta(hours=1), late=LateRule(percent_per_day=10).as_json()
    )
    released(assignment, problem1=EMPTY_NOTEBOOK, problem2=EMPTY_NOTEBOOK)
    ada = member(assignment.course, "ada")
    cell: dict[str, Any] = {
        "cell_type": "code",
        "source": HOSTILE,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    notebook = json.dumps(json.loads(EMPTY_NOTEBOOK) | {"cells": [cell]}).encode()
    files = (
        File("notes/é & ü.txt", HOSTILE.encode()),
        File("picture.png", b"\x89PNG\0"),
        File("problem1.ipynb", notebook),
        File("problem2.ipynb", b"damaged"),
    )
    return receive(assignment, ada, Bundle(files), way=Way.LAB, by=ada.person, now=now)


def test_page_says_that_it_was_late_and_what_could_not_be_taken(client: Client, submission: Submission) -> None:
    page = _get(client, submission)

    assert "Received late" in page
    assert "it keeps 90% of its points" in page
    assert "problem2: it could not be read as a notebook" in page


def test_page_says_whose_it_is_to_those_who_may_know(client: Client, submission: Submission) -> None:
    submission.membership.person.display_name = "Ada Lindqvist"
    submission.membership.person.save()
    submission.assignment.is_anonymous = True
    submission.assignment.save()

    heads = [_heading_for(client, submission, role) for role in (Role.TEACHER, Role.GRADER)]

    assert ["Ada Lindqvist" in head for head in heads] == [True, False]


def test_page_leads_to_every_file(client: Client, submission: Submission) -> None:
    page = _get(client, submission)

    assert all(f"file/?path={name}" in page for name in ("notes%2F%C3%A9+%26+%C3%BC.txt", "problem1.ipynb"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("problem1.ipynb", "&lt;script&gt;"),
        ("notes/é & ü.txt", "&lt;script&gt;"),
        ("picture.png", "This is no text"),
        ("problem2.ipynb", "no notebook"),
    ],
)
def test_file_is_shown_as_nothing_but_text(client: Client, submission: Submission, path: str, words: str) -> None:
    page = _get(client, submission, "file/", path=path)

    assert words in page
    assert HOSTILE not in page


def test_file_can_be_taken_away_as_it_is(client: Client, submission: Submission) -> None:
    client.force_login(submission.membership.person)

    answer = client.get(_place(submission) + "file/download/", {"path": "problem2.ipynb"})

    assert answer.content == b"damaged"
    assert answer["Content-Disposition"] == 'attachment; filename="problem2.ipynb"'
    assert "sandbox" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("what", ["file/", "file/download/"])
@pytest.mark.parametrize("path", ["", "other.ipynb", "../problem1.ipynb"])
def test_file_that_was_not_received_is_not_there(client: Client, submission: Submission, what: str, path: str) -> None:
    _get(client, submission, what, status=404, path=path)


@pytest.mark.parametrize("what", ["file/", "file/download/", "files.tar"])
def test_files_that_are_lost_are_said_to_be(client: Client, submission: Submission, what: str) -> None:
    Submission.objects.update(bundle="0" * 64)

    assert "no longer there" in _get(client, submission, what, status=503, path="problem1.ipynb")


def test_page_asks_the_database_little(
    client: Client, submission: Submission, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(submission.membership.person)

    with django_assert_max_num_queries(QUERIES):
        client.get(_place(submission))


def _place(submission: Submission) -> str:
    return f"/classes/{submission.assignment.course.slug}/assignments/given/submissions/{submission.pk}/"


def _heading_for(client: Client, submission: Submission, role: Role) -> str:
    client.force_login(member(submission.assignment.course, role.value, role).person)
    return client.get(_place(submission)).text.split("<h1>")[1].split("</h1>")[0]


def _get(client: Client, submission: Submission, what: str = "", *, status: int = 200, **asked: str) -> str:
    client.force_login(submission.membership.person)
    response = client.get(_place(submission) + what, asked)
    assert response.status_code == status
    return response.content.decode()
