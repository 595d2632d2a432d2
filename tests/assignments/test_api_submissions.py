"""Submissions and grades over the API: read, graded, told, asked about, and worked out anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from assignments import artefacts
from assignments.files import NO_FILES
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import Place, give_points, pseudonym, take_lease
from assignments.models import Assignment, Autograding, CellLease, Extension, Grade, GradeChange, Submission
from classes.models import Membership, Role
from tests.assignments.grading_rows import CELLS, graded_by
from tests.assignments.marked import ESSAY, TEST, graded, to_be_graded
from tests.environments.api_client import program_of, queries_of
from tests.factories import CourseFactory, member, released
from tests.lti.platforms import sent_to_a_platform

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

SUBMISSIONS = "/api/v1/submissions/"
GRADES = "/api/v1/grades/"


@pytest.fixture
def assignment(teacher: User) -> Assignment:
    """One that people grade, of a class with somebody in each role."""
    course = CourseFactory.create(owner=teacher, slug="stats")
    for name, role in (("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        member(course, name, role)
    return to_be_graded(course=course, name="given")


@pytest.fixture
def ada(assignment: Assignment) -> Membership:
    """A student."""
    return member(assignment.course, "ada")


@pytest.fixture
def submission(assignment: Assignment, ada: Membership, now: datetime) -> Submission:
    """Ada's, whose tests gave two points of twelve, and which waits for a person."""
    return graded(assignment, ada, now=now)


@pytest.fixture
def program(assignment: Assignment, teacher: User) -> APIClient:
    """A teacher's."""
    return program_of(teacher)


@pytest.fixture
def graders(assignment: Assignment) -> APIClient:
    """A grader's program."""
    return program_of(User.objects.get(username="grader"))


@pytest.fixture
def adas(ada: Membership) -> APIClient:
    """A student's program."""
    return program_of(ada.person)


def of(submission: Submission, rest: str = "") -> str:
    return f"{SUBMISSIONS}{submission.pk}/{rest}"


def below(assignment: Assignment, rest: str) -> str:
    return f"/api/v1/assignments/{assignment.pk}/{rest}"


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def rows(program: APIClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.get(path).json()["results"]
    return found


# --- Reading -----------------------------------------------------------------------------------------------


def test_submissions_are_ones_own_for_students(
    program: APIClient, adas: APIClient, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    other = graded(assignment, member(assignment.course, "bob"), now=now + timedelta(minutes=1))

    assert [one["id"] for one in rows(program, SUBMISSIONS)] == [str(other.pk), str(submission.pk)]
    assert [one["id"] for one in rows(adas, SUBMISSIONS)] == [str(submission.pk)]


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ("course=stats", 2),
        ("course=other", 0),
        ("username=ada", 2),
        ("username=bob", 0),
        ("state=graded", 2),
        ("state=problem", 0),
        ("needs_manual=true", 2),
        ("needs_manual=false", 0),
        ("counts=true", 1),
        ("counts=false", 1),
    ],
)
def test_submissions_are_narrowed(
    program: APIClient, assignment: Assignment, submission: Submission, wish: str, count: int, now: datetime
) -> None:
    graded(assignment, submission.membership, now=now + timedelta(minutes=1))

    assert program.get(f"{SUBMISSIONS}?assignment={assignment.pk}&{wish}").json()["count"] == count


def test_submission_says_how_late_it_is_for_its_student(
    program: APIClient, assignment: Assignment, submission: Submission, ada: Membership, now: datetime
) -> None:
    Assignment.objects.update(due_at=now - timedelta(minutes=30), late={"percent_per_day": 10})

    late = program.get(of(submission)).json()
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=60)
    in_time = program.get(of(submission)).json()

    assert (late["is_late"], late["percent_kept"]) == (True, 90)
    assert (in_time["is_late"], in_time["percent_kept"]) == (False, 100)


def test_points_are_not_told_before_they_are_published(
    program: APIClient, adas: APIClient, submission: Submission, teacher: User, now: datetime
) -> None:
    before = [adas.get(of(submission)).json()["points"], rows(adas, GRADES)]
    publish_grades(submission.assignment, None, by=teacher, now=now)
    give_points(submission, ESSAY, Decimal(3), by=teacher, now=now, seen=0)

    told, (grade,) = adas.get(of(submission)).json(), rows(adas, GRADES)

    assert before == [None, []]
    assert (told["points"], told["max_points"], told["needs_manual"], told["run"]) == (2.0, 12.0, None, None)
    assert (grade["published_points"], grade["points"], grade["needs_manual"]) == (2.0, None, None)
    assert program.get(of(submission)).json()["points"] == 5.0
    assert rows(program, GRADES)[0]["points"] == 5.0


def test_points_of_an_attempt_that_counted_before_are_not_those_of_another(
    adas: APIClient, ada: Membership, submission: Submission, teacher: User, now: datetime
) -> None:
    publish_grades(submission.assignment, None, by=teacher, now=now)
    second = graded(submission.assignment, ada, now=now + timedelta(hours=1))

    told = adas.get(of(second)).json()

    assert (told["counts"], told["points"], told["max_points"]) == (True, None, None)


@pytest.mark.parametrize("state", ["sent", "waiting", "refused"])
def test_grade_says_how_far_it_is_in_the_learning_platform(
    program: APIClient, adas: APIClient, submission: Submission, teacher: User, now: datetime, state: str
) -> None:
    publish_grades(submission.assignment, None, by=teacher, now=now)
    key = sent_to_a_platform(submission, now=now, state=state).pk
    stage = {"sent": "there", "waiting": "on_its_way", "refused": "undelivered"}[state]

    lists = [rows(program, below(submission.assignment, "grades/")), rows(program, GRADES), rows(adas, GRADES)]
    one = adas.get(f"{GRADES}{key}/").json()

    for grade in (*(grade for (grade,) in lists), one):
        (delivery,) = grade["deliveries"]
        assert (delivery["place"], delivery["stage"], bool(delivery["at"])) == ("Moodle", stage, state == "sent")


def test_grade_that_goes_nowhere_says_so(program: APIClient, submission: Submission) -> None:
    (grade,) = rows(program, GRADES)

    assert grade["deliveries"] == []


def test_graders_without_names_are_told_none(
    program: APIClient, graders: APIClient, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    Assignment.objects.update(is_anonymous=True)

    shown = graders.get(of(submission)).json()

    assert (shown["username"], shown["name"], shown["receipt"]) == (None, pseudonym(submission), None)
    assert rows(graders, f"{SUBMISSIONS}?username=ada") == []
    assert rows(graders, GRADES) == rows(graders, below(assignment, "grades/")) == []
    assert rows(program, f"{SUBMISSIONS}?username=ada")[0]["username"] == "ada"
    assert rows(program, GRADES)[0]["username"] == "ada"


def test_files_are_what_was_received(program: APIClient, submission: Submission) -> None:
    answer = program.get(of(submission, "files/"), HTTP_ACCEPT="application/x-tar")

    assert (answer.content, answer["ETag"]) == (artefacts.read(submission.bundle), f'"{submission.bundle}"')


@pytest.mark.parametrize("path", [SUBMISSIONS, GRADES, "grades/", "requests/", "regrading/"])
def test_lists_cost_as_many_queries_for_many(
    program: APIClient, assignment: Assignment, submission: Submission, path: str, now: datetime
) -> None:
    path = path if path.startswith("/") else below(assignment, path)
    queries_of(program, path)  # The first use of a token is noted.
    few = queries_of(program, path)
    for name in ("bob", "cleo", "dan"):
        other = graded(assignment, member(assignment.course, name), now=now)
        sent_to_a_platform(other, now=now)

    assert queries_of(program, path) == few


# --- Grading -----------------------------------------------------------------------------------------------


def test_submission_is_graded_again_once(graders: APIClient, submission: Submission) -> None:
    answers = [graders.post(of(submission, "grade/")).json() for _ in range(2)]

    assert [(answer["state"], answer["run"]["state"]) for answer in answers] == [("waiting", "waiting")] * 2
    assert Autograding.objects.filter(state="waiting").count() == 1


def test_submission_of_which_only_points_were_imported_is_not_graded_again(
    graders: APIClient, submission: Submission
) -> None:
    Submission.objects.update(bundle=NO_FILES)

    answer = graders.post(of(submission, "grade/"))

    assert code_of(answer) == (409, "submission_has_no_files")
    assert Submission.objects.get().state == Submission.State.GRADED


def test_all_are_graded_again(
    program: APIClient, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    graded(assignment, member(assignment.course, "bob"), now=now)

    assert program.post(below(assignment, "grading/")).json() == {"asked": 2}
    assert program.get(below(assignment, "grading/")).json()["waiting"] == 2


def test_state_of_grading_is_told_cell_by_cell(
    graders: APIClient, assignment: Assignment, submission: Submission
) -> None:
    answer = graders.get(below(assignment, "grading/")).json()

    assert (answer["students"], answer["submitted"], answer["need_a_person"]) == (1, 1, 1)
    essay = next(cell for cell in answer["cells"] if cell["cell"] == ESSAY.grade_id)
    assert (essay["max_points"], essay["all"], essay["to_do"]) == (4.0, 1, 1)


def test_run_that_failed_says_why(program: APIClient, submission: Submission) -> None:
    Autograding.objects.update(state="failed", failure_code="grading_interrupted")

    assert program.get(of(submission)).json()["run"]["reason"]["code"] == "grading_interrupted"


def points(**fields: Any) -> dict[str, Any]:
    return {"notebook": "problem1", "cell": "essay", "points": 3, "why": "Good", "seen": 0, **fields}


def test_points_are_given_with_a_reason_and_stay_in_the_history(graders: APIClient, submission: Submission) -> None:
    response = graders.post(of(submission, "changes/"), points(), format="json")

    cell = response.json()
    assert response.status_code == 201
    assert (cell["points"], cell["needs_manual"], cell["graded_by"], cell["origin"]) == (3.0, False, "Grader", "manual")
    last = rows(graders, of(submission, "changes/"))[-1]
    assert (last["kind"], last["points"], last["why"], last["by"]) == ("manual", 3.0, "Good", "Grader")
    assert not CellLease.objects.exists()


def test_extra_credit_comes_on_top(graders: APIClient, submission: Submission) -> None:
    given = points(cell=TEST.grade_id, kind="extra", points="1.5")

    cell = graders.post(of(submission, "changes/"), given, format="json").json()

    assert (cell["points"], cell["extra"], cell["automatic"]) == (3.5, 1.5, 2.0)


def test_points_are_taken_back(graders: APIClient, submission: Submission) -> None:
    seen = graders.post(of(submission, "changes/"), points(), format="json").json()["seen"]

    cell = graders.post(of(submission, "changes/"), points(points=None, seen=seen), format="json").json()

    assert (cell["needs_manual"], cell["points"]) == (True, 0.0)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"points": 4.5}, 422, "points_invalid"),
        ({"points": -1}, 400, "invalid"),
        ({"points": "NaN"}, 400, "invalid"),
        ({"points": "Infinity"}, 400, "invalid"),
        ({"points": True}, 400, "invalid"),
        ({"why": ""}, 400, "invalid"),
        ({"cell": "other"}, 404, "cell_unknown"),
        ({"kind": "extra", "points": 10_001}, 422, "extra_invalid"),
        ({"kind": "penalty"}, 400, "invalid"),
    ],
)
def test_points_that_cannot_be_are_not_given(
    graders: APIClient, submission: Submission, fields: dict[str, Any], status: int, code: str
) -> None:
    before = GradeChange.objects.count()

    response = graders.post(of(submission, "changes/"), points(**fields), format="json")

    assert (code_of(response), GradeChange.objects.count()) == ((status, code), before)


def test_points_do_not_go_over_what_nobody_saw(
    graders: APIClient, submission: Submission, teacher: User, now: datetime
) -> None:
    give_points(submission, ESSAY, Decimal(4), by=teacher, now=now, seen=0)
    CellLease.objects.all().delete()

    refused = graders.post(of(submission, "changes/"), points(), format="json")
    (essay, *_) = graders.get(of(submission, "cells/")).json()
    given = graders.post(of(submission, "changes/"), points(seen=essay["seen"]), format="json")

    assert (code_of(refused), given.status_code) == ((409, "cell_changed"), 201)


def test_points_are_not_given_where_somebody_grades(graders: APIClient, submission: Submission, teacher: User) -> None:
    take_lease(Place(submission.pk, ESSAY), by=teacher, now=timezone.now())

    assert code_of(graders.post(of(submission, "changes/"), points(), format="json")) == (409, "cell_held")


# --- Grades ------------------------------------------------------------------------------------------------


def test_gradebook_has_the_points_of_each_cell(
    program: APIClient, assignment: Assignment, submission: Submission
) -> None:
    (row,) = rows(program, below(assignment, "grades/"))

    assert (row["username"], row["points"], row["max_points"], row["needs_manual"]) == ("ada", 2.0, 12.0, 2)
    assert {cell["cell"]: cell["points"] for cell in row["cells"]} == {"essay": 0.0, "proof": 0.0, "test-sum": 2.0}


@pytest.mark.parametrize(("file", "line"), [("points.csv", "ada,"), ("cells.csv", "ada,")])
def test_gradebook_is_a_table(
    program: APIClient, assignment: Assignment, submission: Submission, file: str, line: str
) -> None:
    answer = program.get(below(assignment, f"grades/{file}"), HTTP_ACCEPT="text/csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode("utf-8-sig").splitlines()[1].startswith(line)


def test_grade_is_read_by_itself(program: APIClient, submission: Submission) -> None:
    grade = Grade.objects.get()

    answer = program.get(f"{GRADES}{grade.pk}/").json()

    assert (answer["submission"], answer["course"], answer["points"]) == (str(submission.pk), "stats", 2.0)


@pytest.mark.parametrize(("wish", "told"), [({}, 2), ({"usernames": ["ada"]}, 1), ({"usernames": []}, 0)])
def test_grades_are_published_to_all_or_some(
    program: APIClient, assignment: Assignment, submission: Submission, wish: dict[str, Any], told: int, now: datetime
) -> None:
    graded(assignment, member(assignment.course, "bob"), now=now)

    answer = program.post(below(assignment, "grades/publish/"), {"message": "Well done", **wish}, format="json")

    assert answer.json() == {"published": told}
    assert Grade.objects.filter(published_at__isnull=False).count() == told


def test_grades_are_not_published_to_whoever_is_unknown(
    program: APIClient, assignment: Assignment, submission: Submission
) -> None:
    wish = {"usernames": ["ada", "nobody"]}

    answer = program.post(below(assignment, "grades/publish/"), wish, format="json")

    assert code_of(answer) == (422, "member_unknown")
    assert not Grade.objects.filter(published_at__isnull=False).exists()


# --- Grading anew ------------------------------------------------------------------------------------------


def test_grading_anew_is_tried_and_taken_over(
    program: APIClient, assignment: Assignment, submission: Submission, ada: Membership
) -> None:
    released(assignment, cells=CELLS)
    regrading = below(assignment, "regrading/")
    asked = program.post(regrading).json()
    _tried_with(submission, 1)

    (row,) = rows(program, regrading)
    taken = program.post(f"{regrading}take-over/", {"trials": [row["trial"]]}, format="json").json()

    assert (asked, taken) == ({"asked": 1}, {"taken_over": 1})
    assert (row["username"], row["points"], row["new_points"], row["is_ready"], row["is_other"]) == (
        ("ada", 2.0, 1.0, True, True)
    )
    assert Grade.objects.get().points == 1


def test_trial_that_is_not_named_does_not_count(
    program: APIClient, assignment: Assignment, submission: Submission
) -> None:
    released(assignment, cells=CELLS)
    program.post(below(assignment, "regrading/"))
    _tried_with(submission, 1)

    answer = program.post(below(assignment, "regrading/take-over/"), {"trials": []}, format="json").json()

    assert (answer, Grade.objects.get().points) == ({"taken_over": 0}, Decimal(2))


def _tried_with(submission: Submission, given: int) -> None:
    scores = graded_by(submission, given, is_kept=False).scores
    Autograding.objects.filter(submission=submission, is_trial=True).update(state="done", scores=scores)


# --- Requests ----------------------------------------------------------------------------------------------


@pytest.fixture
def told(submission: Submission, teacher: User, now: datetime) -> Submission:
    """Ada's, with one answer graded, and published."""
    give_points(submission, ESSAY, Decimal(1), by=teacher, now=now, seen=0)
    publish_grades(submission.assignment, None, by=teacher, now=now + timedelta(seconds=1))
    return submission


QUESTION = {"notebook": "problem1", "cell": "essay", "text": "Why only one?"}


def test_request_is_asked_answered_and_ended(
    adas: APIClient, graders: APIClient, told: Submission, assignment: Assignment
) -> None:
    requests = of(told, "requests/")

    asked = adas.post(requests, QUESTION, format="json")
    at = f"{requests}{asked.json()['id']}/"
    graders.post(f"{at}answer/", {"text": "I look again."}, format="json")
    ended = graders.post(f"{at}close/", {"points": 4, "text": "You are right."}, format="json").json()

    assert (asked.status_code, asked.json()["state"], ended["state"]) == (201, "open", "changed")
    assert [message["by"] for message in ended["messages"]] == ["Ada", "Grader", "Grader"]
    assert told.cell_grades.get(grade_id="essay").points == 4
    assert adas.get(requests).json()[0]["id"] == ended["id"]
    assert rows(graders, below(assignment, "requests/?state=open")) == []


def test_request_that_has_ended_is_not_answered(adas: APIClient, graders: APIClient, told: Submission) -> None:
    requests = of(told, "requests/")
    at = f"{requests}{adas.post(requests, QUESTION, format='json').json()['id']}/"
    graders.post(f"{at}close/", {}, format="json")

    assert code_of(graders.post(f"{at}answer/", {"text": "And?"}, format="json")) == (409, "request_closed")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"cell": "other"}, 409, "request_cell_unknown"),
        ({"text": " "}, 400, "invalid"),
        ({"text": "x" * 4001}, 400, "invalid"),
    ],
)
def test_request_about_nothing_is_refused(
    adas: APIClient, told: Submission, fields: dict[str, Any], status: int, code: str
) -> None:
    assert code_of(adas.post(of(told, "requests/"), QUESTION | fields, format="json")) == (status, code)


def test_request_before_anything_was_told_is_refused(adas: APIClient, submission: Submission) -> None:
    answer = adas.post(of(submission, "requests/"), QUESTION, format="json")

    assert code_of(answer) == (404, "feedback_not_published")


def test_request_names_nobody_where_names_are_hidden(
    adas: APIClient, graders: APIClient, told: Submission, assignment: Assignment
) -> None:
    Assignment.objects.update(is_anonymous=True)
    adas.post(of(told, "requests/"), QUESTION, format="json")

    (shown,) = rows(graders, below(assignment, "requests/"))

    assert (shown["username"], shown["name"]) == (None, pseudonym(told))
    assert [message["by"] for message in shown["messages"]] == [None]
