"""The exchange over the API: what a program in somebody's notebook server may ask, and what comes of it."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role as SiteRole
from accounts.models import Scope, User
from assignments import artefacts
from assignments.files import Bundle, File, Limits, from_tar
from assignments.grading.gradebook import change_points
from assignments.grading.points import CellKey, ChangeKind
from assignments.models import Assignment, Cell, CellComment, Extension, Feedback, Fetch, Grade, Submission, Way
from assignments.submitting import receipts
from assignments.submitting.exchanging import hand_over, own_assignment
from assignments.submitting.submissions import receive
from classes.models import Course, Membership, Role
from tests.environments.api_client import browser_of, program_of, queries_of
from tests.factories import AssignmentFactory, CourseFactory, UserFactory, member, released

pytestmark = pytest.mark.django_db

EXCHANGE = "/api/v1/exchange/"
GIVEN = EXCHANGE + "stats/given/"
EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
WORK = Bundle((File("data.csv", b"1,2"), File("problem1.ipynb", EMPTY + b"\n")))
ALL = ("student", "grader", "teacher")


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, slug="stats", title="Statistics")
    for name, role in (("student", Role.STUDENT), ("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        member(course, name, role)
    return course


@pytest.fixture
def given(course: Course) -> Assignment:
    assignment = AssignmentFactory.create(course=course, name="given", title="Given")
    released(assignment, problem1=EMPTY)
    return assignment


@pytest.fixture
def student(course: Course) -> Membership:
    return course.memberships.get(person__username="student")


@pytest.fixture
def program(student: Membership) -> APIClient:
    return program_of(student.person, [Scope.EXCHANGE])


def submit(program: APIClient, bundle: Bundle = WORK, path: str = GIVEN) -> Any:
    return program.post(path + "submissions/", bundle.tar, content_type="application/x-tar")


class _Endless(io.BytesIO):
    """A body that begins so, and goes on for as long as anybody reads it."""

    def __init__(self, begins: bytes) -> None:
        super().__init__()
        self._begins, self.given = begins, 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        piece = self._begins[self.given : self.given + size].ljust(size, b"x")
        self.given += size
        return piece


def someone(username: str) -> User:
    return User.objects.filter(username=username).first() or UserFactory.create(username=username)


# --- Who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), [*((name, 200) for name in ALL), ("stranger", 404), ("root", 404)])
def test_fetching_is_for_members(given: Assignment, who: str, status: int) -> None:
    person = UserFactory.create(username="root", role=SiteRole.ADMINISTRATOR) if who == "root" else someone(who)

    assert program_of(person).get(GIVEN + "files/").status_code == status


@pytest.mark.parametrize(("who", "status"), [*((name, 201) for name in ALL), ("stranger", 404)])
def test_submitting_is_for_members(given: Assignment, who: str, status: int) -> None:
    assert submit(program_of(someone(who))).status_code == status


@pytest.mark.parametrize("what", ["files/", "feedback/"])
@pytest.mark.parametrize("who", ["grader", "teacher", "stranger", "other"])
def test_submissions_of_others_are_not_there(
    given: Assignment, student: Membership, who: str, what: str, now: datetime
) -> None:
    submission = receive(given, student, WORK, way=Way.LAB, by=student.person, now=now)
    Feedback.objects.create(submission=submission)
    if who == "other":
        member(given.course, "other")

    answer = program_of(someone(who)).get(f"{EXCHANGE}submissions/{submission.pk}/{what}")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", EXCHANGE), ("GET", GIVEN + "files/"), ("POST", GIVEN + "submissions/")]
    + [("GET", f"{EXCHANGE}submissions/{'0' * 8}-0000-4000-8000-{'0' * 12}/{what}/") for what in ("files", "feedback")],
)
def test_token_without_the_scope_is_refused(given: Assignment, student: Membership, method: str, path: str) -> None:
    other_scopes = program_of(student.person, [scope for scope in Scope if scope != Scope.EXCHANGE])

    answer = other_scopes.generic(method, path)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_token_of_the_exchange_is_good_for_nothing_else(program: APIClient) -> None:
    assert program.get("/api/v1/courses/").status_code == 403


def test_page_of_another_origin_cannot_submit_for_whoever_is_signed_in(given: Assignment, student: Membership) -> None:
    assert submit(browser_of(student.person)).status_code == 403


def test_member_who_has_left_has_nothing(program: APIClient, given: Assignment, student: Membership) -> None:
    submission = receive(given, student, WORK, way=Way.LAB, by=student.person, now=timezone.now())
    Membership.objects.filter(pk=student.pk).update(left_at=timezone.now())

    assert program.get(EXCHANGE).json() == {"courses": [], "assignments": []}
    assert program.get(GIVEN + "files/").status_code == 404
    assert program.get(f"{EXCHANGE}submissions/{submission.pk}/files/").status_code == 404


# --- Listing -----------------------------------------------------------------------------------------------


def test_list_says_what_is_released_and_what_came_back(
    program: APIClient, given: Assignment, student: Membership
) -> None:
    AssignmentFactory.create(course=given.course, name="draft")
    received = submit(program).json()

    listed = program.get(EXCHANGE).json()

    assert listed["courses"] == [{"id": "stats", "title": "Statistics"}]
    [only] = listed["assignments"]
    [attempt] = only.pop("submissions")
    assert given.release is not None
    assert only == {
        "course_id": "stats",
        "assignment_id": "given",
        "title": "Given",
        "status": "released",
        "due_at": None,
        "is_late": False,
        "can_submit": True,
        "reason": "",
        "release": 1,
        "sha256": given.release.bundle,
        "notebooks": ["problem1"],
    }
    assert (attempt["id"], attempt["attempt"], attempt["sha256"]) == (received["id"], 1, received["sha256"])
    assert attempt["feedback_updated_at"] is None


def test_list_gives_the_dates_as_they_are_for_this_person(
    program: APIClient, given: Assignment, student: Membership
) -> None:
    due = timezone.now() - timedelta(minutes=30)
    Assignment.objects.filter(pk=given.pk).update(due_at=due)
    Extension.objects.create(assignment=given, membership=student, extra_minutes=60)

    [listed] = program.get(EXCHANGE).json()["assignments"]

    assert not listed["is_late"]
    assert datetime.fromisoformat(listed["due_at"]) == due.replace(microsecond=0) + timedelta(hours=1)


def test_list_says_why_nothing_is_taken(program: APIClient, given: Assignment) -> None:
    Assignment.objects.filter(pk=given.pk).update(closes_at=timezone.now() - timedelta(days=1))

    [listed] = program.get(EXCHANGE).json()["assignments"]

    assert not listed["can_submit"]
    assert "no longer takes anything" in listed["reason"]


def test_list_tells_points_only_as_they_were_published(
    program: APIClient, given: Assignment, student: Membership, now: datetime
) -> None:
    submission = receive(given, student, WORK, way=Way.LAB, by=student.person, now=now)
    grade = Grade.objects.create(
        assignment=given,
        membership=student,
        submission=submission,
        points=6,
        max_points=7,
        changed_at=now,
    )

    before = program.get(EXCHANGE).json()["assignments"][0]["submissions"][0]
    Feedback.objects.create(submission=submission, published_at=now)
    Grade.objects.filter(pk=grade.pk).update(published_at=now, published_points=5, published_max_points=7)
    after = program.get(EXCHANGE).json()["assignments"][0]["submissions"][0]

    assert (before["score"], before["max_score"]) == (None, None)
    assert (after["score"], after["max_score"]) == (5.0, 7.0)
    assert datetime.fromisoformat(after["feedback_updated_at"]) == now


def test_list_gives_points_to_no_other_submission_than_they_are_of(
    program: APIClient, given: Assignment, student: Membership, now: datetime
) -> None:
    first, second = (receive(given, student, WORK, way=Way.LAB, by=student.person, now=now) for _ in range(2))
    for submission in (first, second):
        Feedback.objects.create(submission=submission, published_at=now)
    Grade.objects.create(
        assignment=given, membership=student, submission=second, published_points=5, published_at=now, changed_at=now
    )

    listed = program.get(EXCHANGE).json()["assignments"][0]["submissions"]

    assert [one["score"] for one in listed] == [None, 5.0]


def test_list_asks_the_database_as_often_however_much_there_is(program: APIClient, given: Assignment) -> None:
    submit(program)
    few = queries_of(program, EXCHANGE)

    for number in range(3):
        more = AssignmentFactory.create(course=given.course, name=f"more-{number}")
        released(more, problem1=EMPTY)
        submit(program, path=f"{EXCHANGE}stats/more-{number}/")
        submit(program)

    assert queries_of(program, EXCHANGE) == few


# --- Fetching ----------------------------------------------------------------------------------------------


def test_fetched_files_are_the_release(program: APIClient, given: Assignment) -> None:
    answer = program.get(GIVEN + "files/", HTTP_ACCEPT="text/html")

    assert given.release is not None
    assert answer["Content-Type"] == "application/x-tar"
    assert answer["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"' == f'"{given.release.bundle}"'
    assert answer["X-Carrel-Release"] == "1"


def test_fetching_is_noted_so_that_a_submission_knows_its_release(
    program: APIClient, given: Assignment, student: Membership
) -> None:
    program.get(GIVEN + "files/?fresh=true")
    released(given, problem1=EMPTY + b" ")

    submit(program)

    assert Fetch.objects.get(membership=student).state == Fetch.State.THERE
    assert Submission.objects.get().release.number == 1


def test_what_is_missing_is_fetched_from_the_release_of_the_copy(program: APIClient, given: Assignment) -> None:
    program.get(GIVEN + "files/?fresh=true")
    released(given, problem1=EMPTY + b" ")

    assert program.get(GIVEN + "files/")["X-Carrel-Release"] == "1"
    assert program.get(GIVEN + "files/?fresh=true")["X-Carrel-Release"] == "2"
    assert Fetch.objects.get().release.number == 2


def test_fetch_that_a_worker_is_at_stays_with_the_worker(given: Assignment, student: Membership, now: datetime) -> None:
    assert given.release is not None
    waiting = Fetch.objects.create(assignment=given, membership=student, release=given.release, asked_at=now)
    own = own_assignment(student.person, course="stats", name="given", now=now)
    assert own is not None

    hand_over(own, is_fresh=True, now=now)

    waiting.refresh_from_db()
    assert waiting.state == Fetch.State.WAITING


@pytest.mark.parametrize("state", ["draft", "not yet open", "taken away"])
def test_what_students_do_not_see_cannot_be_fetched(program: APIClient, given: Assignment, state: str) -> None:
    later = timezone.now() + timedelta(days=1)
    change: dict[str, dict[str, Any]] = {
        "draft": {"release": None},
        "not yet open": {"opens_at": later},
        "taken away": {"deleted_at": later},
    }
    Assignment.objects.filter(pk=given.pk).update(**change[state])

    assert program.get(GIVEN + "files/").status_code == 404
    assert program.get(EXCHANGE).json()["assignments"] == []


# --- Submitting --------------------------------------------------------------------------------------------


def test_receipt_is_one_that_carrel_verifies(program: APIClient, given: Assignment) -> None:
    answer = submit(program)

    receipt = receipts.verify_file(json.dumps(answer.json()).encode())
    submission = Submission.objects.get()
    assert (receipt.id, receipt.sha256, receipt.attempt) == (str(submission.pk), WORK.sha256, 1)
    assert submission.way == Way.LAB
    assert artefacts.read(submission.bundle) == WORK.tar


def test_what_was_submitted_can_be_had_again(program: APIClient, given: Assignment) -> None:
    key = submit(program).json()["id"]

    answer = program.get(f"{EXCHANGE}submissions/{key}/files/")

    assert from_tar([answer.content], limits=Limits()).bundle == WORK


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"no tar", "application/x-tar", 422, "files_unreadable"),
        (b"", "application/x-tar", 422, "files_unreadable"),
        (Bundle((File("notes.txt", b"x"),)).tar, "application/x-tar", 422, "submission_without_notebooks"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    program: APIClient, given: Assignment, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = program.post(GIVEN + "submissions/", body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Submission.objects.exists()


def test_body_that_is_too_large_is_not_read_to_its_end(
    program: APIClient, given: Assignment, settings: Settings
) -> None:
    settings.SUBMISSION_MB = 1
    body = _Endless(Bundle((File("problem1.ipynb", bytes(2_000_000)),)).tar[:-1024])

    sent: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": 10**9}
    answer: Any = program.generic("POST", GIVEN + "submissions/", content_type="application/x-tar", **sent)

    assert (answer.status_code, answer.json()["code"]) == (413, "files_too_large")
    assert "larger than the 1 MB" in answer.json()["message"]
    assert body.given < 4_000_000


def test_submission_after_the_end_is_refused(program: APIClient, given: Assignment) -> None:
    Assignment.objects.filter(pk=given.pk).update(closes_at=timezone.now() - timedelta(days=1))

    answer = submit(program)

    assert (answer.status_code, answer.json()["code"]) == (403, "assignment_closed")


# --- Feedback ----------------------------------------------------------------------------------------------


def test_submission_to_what_was_taken_away_is_gone(program: APIClient, given: Assignment) -> None:
    place = f"{EXCHANGE}submissions/{submit(program).json()['id']}/files/"
    before = program.get(place).status_code
    Assignment.objects.update(deleted_at=timezone.now())

    assert (before, program.get(place).status_code) == (200, 404)


@pytest.mark.parametrize("name", ["given%00", "%00"])
def test_name_that_no_database_can_be_asked_for_is_not_there(program: APIClient, given: Assignment, name: str) -> None:
    assert program.get(f"{EXCHANGE}stats/{name}/files/").status_code == 404


def test_feedback_is_not_there_before_it_is_published(program: APIClient, given: Assignment) -> None:
    key = submit(program).json()["id"]

    answer = program.get(f"{EXCHANGE}submissions/{key}/feedback/")

    assert (answer.status_code, answer.json()["code"]) == (404, "feedback_not_published")


def test_feedback_is_a_page_for_each_notebook_without_anybodys_script(
    program: APIClient, given: Assignment, student: Membership, now: datetime
) -> None:
    submission = receive(given, student, WORK, way=Way.LAB, by=student.person, now=now)
    assert given.release is not None
    Cell.objects.get_or_create(
        release=given.release, notebook="problem1", grade_id="foo", kind="manual", points=2, position=9
    )
    points, foo = Decimal("1.5"), CellKey("problem1", "foo")
    change_points(submission, kind=ChangeKind.MANUAL, points=points, cell=foo, by=student.person, now=now)
    Feedback.objects.create(submission=submission, message="Well done")
    CellComment.objects.create(
        submission=submission, notebook="problem1", cell="foo", text="<script>alert(1)</script>", at=now
    )

    answer = program.get(f"{EXCHANGE}submissions/{submission.pk}/feedback/")

    pages = from_tar([answer.content], limits=Limits()).bundle
    page = (pages.read("problem1.html") or b"").decode()
    assert [file.path for file in pages] == ["problem1.html"]
    assert "Well done" in page
    assert "1.5 / 2" in page
    assert "<script" not in page
