"""Assignments over the API: drawn up, checked, released, and given more time for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from assignments.files import Bundle, File
from assignments.models import Assignment, Extension, GateRun, Origin
from classes.models import Course, Role
from environments.models import SourceTree
from tests.assignments.drawn_up import checked, fetched
from tests.environments.api_client import program_of, queries_of
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, LessonFactory, member, prepared, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

ASSIGNMENTS = "/api/v1/assignments/"


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="stats"))
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    return course


@pytest.fixture
def assignment(course: Course) -> Assignment:
    """One that was released."""
    assignment = AssignmentFactory.create(course=course, name="given", title="Given")
    released(assignment)
    return assignment


@pytest.fixture
def program(course: Course, teacher: User) -> APIClient:
    """A teacher's."""
    return program_of(teacher)


@pytest.fixture
def students(course: Course) -> APIClient:
    """A student's program."""
    return program_of(User.objects.get(username="student"))


def at(assignment: Assignment, rest: str = "") -> str:
    return f"{ASSIGNMENTS}{assignment.pk}/{rest}"


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# --- Reading -----------------------------------------------------------------------------------------------


def test_assignments_are_those_one_finds(program: APIClient, students: APIClient, assignment: Assignment) -> None:
    AssignmentFactory.create(course=assignment.course, name="draft", position=1)
    AssignmentFactory.create(name="elsewhere")

    assert [one["name"] for one in program.get(ASSIGNMENTS).json()["results"]] == ["given", "draft"]
    assert [one["name"] for one in students.get(ASSIGNMENTS).json()["results"]] == ["given"]


@pytest.mark.parametrize(
    ("wish", "names"),
    [("course=stats", ["given", "later"]), ("course=other", []), ("course=stats&name=later", ["later"])],
)
def test_assignments_are_narrowed(program: APIClient, assignment: Assignment, wish: str, names: list[str]) -> None:
    AssignmentFactory.create(course=assignment.course, name="later", position=1)

    assert [one["name"] for one in program.get(f"{ASSIGNMENTS}?{wish}").json()["results"]] == names


def test_dates_are_with_what_one_was_given(program: APIClient, students: APIClient, assignment: Assignment) -> None:
    due = timezone.now().replace(microsecond=0) + timedelta(days=1)
    Assignment.objects.update(due_at=due)
    mine = assignment.course.memberships.get(person__username="student")
    Extension.objects.create(assignment=assignment, membership=mine, extra_minutes=60)

    shown = [datetime.fromisoformat(each.get(at(assignment)).json()["due_at"]) for each in (program, students)]

    assert shown == [due, due + timedelta(hours=1)]


def test_assignments_cost_as_many_queries_for_many(students: APIClient, assignment: Assignment) -> None:
    queries_of(students, ASSIGNMENTS)  # The first use of a token is noted.
    few = queries_of(students, ASSIGNMENTS)
    for _ in range(5):
        released(AssignmentFactory.create(course=assignment.course))

    assert queries_of(students, ASSIGNMENTS) == few


# --- Drawing up --------------------------------------------------------------------------------------------


def test_assignment_is_made_from_a_folder_of_the_class_and_checked(
    program: APIClient, course: Course, now: datetime
) -> None:
    fetched(course, {"week-1/ps1.ipynb": EMPTY_NOTEBOOK.decode()}, now)
    wish = {"course": "stats", "title": "Week 1", "folder": "week-1", "attempts": 3, "late": {"percent_per_day": 10}}

    response = program.post(ASSIGNMENTS, wish, format="json")

    assert response.status_code == 201
    made = Assignment.objects.get(pk=response.json()["id"])
    assert (made.name, made.attempts, made.schedule.late.percent_per_day, made.release) == ("week-1", 3, 10, None)
    run = GateRun.objects.get(source__assignment=made)
    assert (run.source.origin, run.source.notebooks, run.state) == (Origin.REPOSITORY, ["ps1"], "waiting")


def test_assignment_is_not_made_from_files_that_are_not_there_yet_and_they_are_fetched(
    program: APIClient, course: Course
) -> None:
    response = program.post(ASSIGNMENTS, {"course": "stats", "title": "Week 1", "folder": "."}, format="json")

    assert code_of(response) == (409, "class_files_not_ready")
    assert (Assignment.objects.count(), SourceTree.objects.count()) == (0, 1)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"course": "other"}, 400, "invalid"),
        ({"tittle": "a"}, 400, "invalid"),
        ({"title": "a\x00"}, 400, "invalid"),
        ({"name": "../up"}, 400, "invalid"),
        ({"due_at": "0001-01-01T00:00:00Z"}, 400, "invalid"),
        ({"lesson": str(uuid4())}, 400, "invalid"),
        ({"hidden_tests": "later"}, 400, "invalid"),
        ({"late": {"percent_per_day": 101}}, 400, "invalid"),
        ({"late": {"steps": [[60, 50], [30, 80]]}}, 422, "late_rule_invalid"),
        ({"opens_at": "2026-03-03T00:00:00Z", "due_at": "2026-03-02T00:00:00Z"}, 422, "dates_out_of_order"),
        ({"name": "given"}, 409, "assignment_name_taken"),
        ({"name": "new"}, 409, "assignment_name_taken"),
    ],
)
def test_assignment_that_cannot_be_is_not_made(
    program: APIClient, assignment: Assignment, wish: dict[str, Any], status: int, code: str
) -> None:
    response = program.post(ASSIGNMENTS, {"course": "stats", "title": "a", **wish}, format="json")

    assert code_of(response) == (status, code)
    assert Assignment.objects.get() == assignment


def test_only_teachers_make_assignments(students: APIClient, course: Course) -> None:
    response = students.post(ASSIGNMENTS, {"course": "stats", "title": "a"}, format="json")

    assert code_of(response) == (403, "permission_denied")


def test_assignment_keeps_what_is_not_given(program: APIClient, assignment: Assignment) -> None:
    lesson = LessonFactory.create(course=assignment.course)

    answer = program.patch(at(assignment), {"summary": "Loops.", "lesson": str(lesson.pk)}, format="json").json()

    assert (answer["title"], answer["summary"], answer["lesson"]) == ("Given", "Loops.", str(lesson.pk))


def test_assignment_is_not_written_over_by_who_has_not_seen_it(program: APIClient, assignment: Assignment) -> None:
    seen = program.get(at(assignment)).json()["version"]
    first = program.patch(at(assignment), {"attempts": 2, "seen": seen}, format="json")

    second = program.patch(at(assignment), {"attempts": 5, "seen": seen}, format="json")

    assert (first.status_code, code_of(second)) == (200, (409, "changed_meanwhile"))
    assert Assignment.objects.get().attempts == 2
    assert program.get(at(assignment)).json()["version"] == first.json()["version"] != seen


def test_assignment_of_a_class_that_is_over_stays(program: APIClient, assignment: Assignment) -> None:
    Course.objects.update(archived_at=timezone.now())

    answers = [
        program.patch(at(assignment), {"title": "b"}, format="json"),
        program.delete(at(assignment)),
        program.post(at(assignment, "grading/")),
        program.post(at(assignment, "grades/publish/"), {}, format="json"),
    ]

    assert [code_of(answer) for answer in answers] == [(409, "course_over")] * 4


def test_deleted_assignment_is_gone(program: APIClient, assignment: Assignment) -> None:
    assert program.delete(at(assignment)).status_code == 204
    assert program.get(at(assignment)).status_code == 404


# --- Notebooks and releases --------------------------------------------------------------------------------


def test_notebooks_are_sent_as_a_tar_and_checked(program: APIClient, assignment: Assignment) -> None:
    tar = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK), File("data.csv", b"1,2"))).tar

    response = program.post(at(assignment, "notebooks/"), tar, content_type="application/x-tar")

    assert (response.status_code, response.json()["state"]) == (202, "waiting")
    newest = program.get(at(assignment, "notebooks/")).json()["results"][0]
    assert (newest["id"], newest["notebooks"], newest["origin"]) == (response.json()["source"], ["problem1"], "upload")


def test_what_is_no_tar_is_refused(program: APIClient, assignment: Assignment) -> None:
    response = program.post(at(assignment, "notebooks/"), b"no tar", content_type="application/x-tar")

    assert code_of(response) == (422, "files_unreadable")


@pytest.mark.parametrize("body", ["[]", "3", "{}", '{"folder": 3.5, "other": 1}'])
def test_json_that_names_no_folder_is_refused(program: APIClient, assignment: Assignment, body: str) -> None:
    response = program.post(at(assignment, "notebooks/"), body, content_type="application/json")

    assert code_of(response) == (400, "invalid")


def test_check_says_what_it_found(program: APIClient, assignment: Assignment) -> None:
    found = {"level": "error", "code": "id_missing", "notebook": "problem1", "position": 3}
    run = checked(assignment, has_passed=False)
    GateRun.objects.update(findings=[found])

    answer = program.get(at(assignment, f"checks/{run.pk}/")).json()

    assert (answer["state"], answer["has_passed"], answer["reason"]) == ("done", False, None)
    (finding,) = answer["findings"]
    assert (finding["code"], finding["number"]) == ("id_missing", 4)
    assert "no id" in finding["message"]
    assert answer["cells"][1] == {"notebook": "problem1", "cell": "test_foo", "kind": "tests", "points": 2.0}


def test_check_is_asked_for_again_of_the_newest_notebooks(program: APIClient, assignment: Assignment) -> None:
    answers = [program.post(at(assignment, "checks/")).json() for _ in range(2)]

    source = assignment.sources.first()
    assert source is not None
    assert {answer["source"] for answer in answers} == {str(source.pk)}
    assert GateRun.objects.count() == 1


def test_nothing_to_check_is_said(program: APIClient, course: Course) -> None:
    draft = AssignmentFactory.create(course=course)

    assert code_of(program.post(at(draft, "checks/"))) == (422, "source_without_notebooks")


def test_release_is_given_out_once(program: APIClient, students: APIClient, course: Course) -> None:
    draft = AssignmentFactory.create(course=course)
    run = checked(draft, has_passed=True)
    wish = {"check_id": str(run.pk), "note": "First"}

    answers = [program.post(at(draft, "releases/"), wish, format="json") for _ in range(2)]

    assert [(answer.status_code, answer.json()["number"]) for answer in answers] == [(201, 1), (201, 1)]
    assert students.get(at(draft)).json()["release"] == 1
    (release,) = program.get(at(draft, "releases/")).json()["results"]
    assert (release["check_id"], release["note"], release["released_by"]) == (str(run.pk), "First", "Teacher")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": "running"}, "gate_not_done"),
        ({"gradebook": ""}, "gate_makes_nothing"),
        ({"has_passed": False}, "gate_not_passed"),
    ],
)
def test_release_of_what_should_be_mended_is_refused(
    program: APIClient, course: Course, fields: dict[str, Any], code: str
) -> None:
    draft = AssignmentFactory.create(course=course)
    run = checked(draft, **fields)

    assert code_of(program.post(at(draft, "releases/"), {"check_id": str(run.pk)}, format="json")) == (409, code)


@pytest.mark.parametrize("points", [[-5.0], [1e9], [90_000.0] * 11])
def test_points_there_is_no_room_for_are_not_given_out_knowingly(
    program: APIClient, course: Course, points: list[float]
) -> None:
    draft = AssignmentFactory.create(course=course)
    run = checked(draft)
    cell = {"notebook": "problem1", "kind": "tests"}
    run.cells = [cell | {"grade_id": f"test{place}", "points": each} for place, each in enumerate(points)]
    run.save()

    wish = {"check_id": str(run.pk), "is_knowing": True}
    answer = program.post(at(draft, "releases/"), wish, format="json")

    assert code_of(answer) == (409, "gate_points_impossible")


def test_release_of_another_assignments_check_is_not_found(program: APIClient, assignment: Assignment) -> None:
    run = checked(AssignmentFactory.create(course=assignment.course), has_passed=True)

    response = program.post(at(assignment, "releases/"), {"check_id": str(run.pk)}, format="json")

    assert code_of(response) == (404, "not_found")


# --- Extensions --------------------------------------------------------------------------------------------


def test_extension_takes_the_place_of_the_one_before(program: APIClient, assignment: Assignment) -> None:
    extensions = at(assignment, "extensions/")
    program.post(extensions, {"username": "student", "extra_minutes": 60}, format="json")

    given = program.post(extensions, {"username": "student", "time_percent": 150, "note": "Ill"}, format="json").json()

    (shown,) = program.get(extensions).json()
    assert shown == given
    assert (shown["extra_minutes"], shown["time_percent"], shown["note"], shown["name"]) == (0, 150, "Ill", "Student")


def test_extension_is_taken_back(program: APIClient, assignment: Assignment) -> None:
    extensions = at(assignment, "extensions/")
    given = program.post(extensions, {"username": "student", "extra_attempts": 1}, format="json").json()

    assert program.delete(f"{extensions}{given['id']}/").status_code == 204
    assert program.get(extensions).json() == []


@pytest.mark.parametrize("username", ["nobody", "teacher"])
def test_extension_is_for_students_of_the_class(program: APIClient, assignment: Assignment, username: str) -> None:
    response = program.post(at(assignment, "extensions/"), {"username": username}, format="json")

    assert code_of(response) == (422, "member_unknown")
