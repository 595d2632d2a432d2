"""Courses of nbgrader come into a class and leave it, and nobody's points change on the way."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from pytest_django import Settings

from accounts.models import User
from assignments import artefacts
from assignments.arranging import give_extension
from assignments.course_exporting import ask_export, carry_out_export, file_of
from assignments.course_importing import Found, ask_import, bring, carry_out, members_of
from assignments.course_taking import made_of, take
from assignments.deadlines import Allowance
from assignments.files import Bundle, File
from assignments.gradebook import change_points, take_over
from assignments.models import (
    Assignment,
    Autograding,
    CellComment,
    CourseDirectory,
    Grade,
    GradeChange,
    Release,
    Source,
    Submission,
    Way,
)
from assignments.points import CellKey, ChangeKind
from classes.models import Course, Membership, Role
from tests.assignments.grading import bundle_of, graded_release
from tests.factories import AssignmentFactory, CourseFactory, member

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = (Assignment, Source, Release, Submission, GradeChange, CellComment, Autograding, Grade)


@pytest.fixture(autouse=True)
def _data(fake_backends: None, settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA = tmp_path / "data"


@pytest.fixture
def course(teacher: User) -> Course:
    """A class with an assignment that was graded by tests and by a person: once late, and once not yet wholly."""
    course = CourseFactory.create(owner=teacher, slug="before")
    member(course, "teacher", Role.TEACHER)
    late = {"grace_minutes": 0, "percent_per_day": 10, "keeps_percent": 0, "steps": []}
    assignment = AssignmentFactory.create(course=course, name="homework", title="Homework", due_at=DUE, late=late)
    graded_release(assignment)
    ada, grace, linus = (member(course, name) for name in ("ada", "grace", "linus"))
    first = _graded(assignment, ada, foo=1, bar=0, at=DUE - timedelta(hours=1))
    _given(first, "baz", ChangeKind.MANUAL, "1.5", teacher)
    _given(first, "quux", ChangeKind.MANUAL, "3", teacher)
    _given(first, "quux", ChangeKind.EXTRA, "0.5", teacher)
    CellComment.objects.create(
        submission=first, notebook="problem1", cell="baz", text="Nearly: why?", by=teacher, at=DUE
    )
    second = _graded(assignment, grace, foo=1, bar=1, at=DUE + timedelta(hours=2))
    _given(second, "baz", ChangeKind.MANUAL, "2", teacher)
    give_extension(assignment, linus, Allowance(extra_minutes=90), by=teacher, now=DUE)
    _graded(assignment, linus, foo=0, bar=0, at=DUE + timedelta(hours=1))
    return course


def _graded(assignment: Assignment, membership: Membership, *, foo: int, bar: int, at: datetime) -> Submission:
    assert assignment.release is not None
    bundle = bundle_of("submitted-changed.ipynb")
    bundle = Bundle((*bundle, File("who.txt", membership.person.username.encode())))
    submission = Submission.objects.create(
        assignment=assignment,
        membership=membership,
        release=assignment.release,
        attempt=1,
        submitted_at=at,
        way=Way.LAB,
        bundle=artefacts.keep(bundle.tar),
        bytes=1,
    )
    points = {"foo": foo, "bar": bar, "baz": None, "quux": None}
    scores = [{"notebook": "problem1", "grade_id": name, "auto_points": got} for name, got in points.items()]
    run = Autograding.objects.create(
        submission=submission,
        release=assignment.release,
        state=Autograding.State.DONE,
        bundle=artefacts.keep(bundle_of("submitted-changed.ipynb").tar),
        scores=scores,
    )
    take_over(run, now=at)
    return submission


def _given(submission: Submission, cell: str, kind: ChangeKind, points: str, by: User) -> None:
    key = CellKey("problem1", cell)
    change_points(submission, kind=kind, points=Decimal(points), by=by, now=DUE, cell=key)


def _exported(course: Course, by: User, now: datetime) -> bytes:
    export = ask_export(course, by=by, now=now)
    carry_out_export(export)
    assert export.state == "done", export.failure
    return file_of(export).read_bytes()


def _brought(course: Course, content: bytes, by: User, now: datetime) -> CourseDirectory:
    directory = bring(course, [content], name="course.zip", by=by, now=now)
    carry_out(directory, take)
    return directory


def _imported(directory: CourseDirectory, by: User, now: datetime, **matches: str) -> CourseDirectory:
    assert directory.state == "done", directory.failure
    ask_import(directory, matches=matches, by=by, now=now)
    carry_out(directory, take)
    assert directory.state == "done", directory.failure
    return directory


def _grades(course: Course) -> dict[str, tuple[Any, ...]]:
    grades = Grade.objects.filter(assignment__course=course).select_related("membership__person")
    return {
        grade.membership.person.username: (grade.points, grade.penalty, grade.max_points, grade.needs_manual)
        for grade in grades
    }


def _elsewhere(*names: str, by: User) -> Course:
    course = CourseFactory.create(owner=by, slug="after")
    member(course, "teacher", Role.TEACHER)
    for name in names:
        member(course, name)
    return course


# --- There and back ----------------------------------------------------------------------------------------


def test_exported_course_imported_elsewhere_gives_equal_grades(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere("ada", "grace", "linus", by=teacher)

    directory = _imported(_brought(other, _exported(course, teacher, now), teacher, now), teacher, now)

    assert _grades(other) == _grades(course)
    assert _grades(course) == {
        "ada": (Decimal("6"), Decimal(0), Decimal(7), 0),
        "grace": (Decimal("3.6"), Decimal("0.4"), Decimal(7), 1),
        "linus": (Decimal(0), Decimal(0), Decimal(7), 2),
    }
    [made] = made_of(directory)
    assert (made.name, made.is_new, made.submissions, made.grades, made.code) == ("homework", True, 3, 3, "")
    [comment] = CellComment.objects.filter(submission__assignment__course=other)
    assert (comment.cell, comment.text) == ("baz", "Nearly: why?")
    theirs = Submission.objects.get(assignment__course=other, membership__person__username="ada")
    ours = Submission.objects.get(assignment__course=course, membership__person__username="ada")
    assert (theirs.bundle, theirs.submitted_at) == (ours.bundle, ours.submitted_at)
    assert Assignment.objects.get(course=other).due_at == DUE


def test_importing_twice_doubles_nothing(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere("ada", "grace", by=teacher)
    content = _exported(course, teacher, now)
    directory = _imported(_brought(other, content, teacher, now), teacher, now)
    before = [table._default_manager.count() for table in TABLES]

    _imported(directory, teacher, now)
    _imported(_brought(other, content, teacher, now + timedelta(days=1)), teacher, now)

    assert [table._default_manager.count() for table in TABLES] == before


def test_what_people_here_said_meanwhile_stays_when_imported_again(
    course: Course, teacher: User, now: datetime
) -> None:
    other = _elsewhere("ada", by=teacher)
    directory = _imported(_brought(other, _exported(course, teacher, now), teacher, now), teacher, now)
    submission = Submission.objects.get(assignment__course=other)
    _given(submission, "baz", ChangeKind.MANUAL, "0.5", teacher)

    _imported(directory, teacher, now)

    assert _grades(other)["ada"][0] == Decimal(5)


def test_whoever_is_not_known_is_shown_and_gets_theirs_later(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere("ada", by=teacher)
    directory = _imported(_brought(other, _exported(course, teacher, now), teacher, now), teacher, now)
    unknown = {each.id for each in Found.of(directory).people} - set(members_of(directory))

    member(other, "grace")
    _imported(directory, teacher, now)

    assert unknown == {"grace", "linus"}
    assert set(_grades(other)) == {"ada", "grace"}


def test_teacher_can_say_who_somebody_is(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere("augusta", by=teacher)
    augusta = other.memberships.get(person__username="augusta")

    _imported(_brought(other, _exported(course, teacher, now), teacher, now), teacher, now, ada=str(augusta.pk))

    assert _grades(other) == {"augusta": _grades(course)["ada"]}


def test_students_of_other_classes_are_nobody_here(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere(by=teacher)
    directory = _brought(other, _exported(course, teacher, now), teacher, now)
    stranger = course.memberships.get(person__username="ada")

    _imported(directory, teacher, now, ada=str(stranger.pk))

    assert _grades(other) == {}
    assert members_of(directory) == {}


def test_nbgrader_itself_opens_what_was_exported_and_gives_the_same_scores(
    course: Course, teacher: User, now: datetime, tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    with zipfile.ZipFile(io.BytesIO(_exported(course, teacher, now))) as archive:
        archive.extractall(folder)

    subprocess.run(
        [sys.executable, "-m", "nbgrader", "export", "--to", "grades.csv"],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"PATH": str(Path(sys.executable).parent), "HOME": str(tmp_path)},
        timeout=120,
    )

    rows = {row["student_id"]: row for row in csv.DictReader((folder / "grades.csv").open())}
    ours = {who: (points, penalty) for who, (points, penalty, _most, _manual) in _grades(course).items()}
    assert {who: (Decimal(row["score"]), Decimal(row["late_submission_penalty"])) for who, row in rows.items()} == ours
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "before") as gradebook:
        grade = gradebook.find_grade("quux", "problem1", "homework", "ada")
        assert (grade.manual_score, grade.extra_credit, grade.needs_manual_grade) == (3.0, 0.5, False)
        assert gradebook.find_comment("baz", "problem1", "homework", "ada").comment == "Nearly: why?"
        assert gradebook.find_submission("homework", "linus").needs_manual_grade
    for path in ("source", "release", "submitted/ada", "autograded/ada"):
        assert (folder / path / "homework" / "problem1.ipynb").is_file()
    assert (folder / "submitted/ada/homework/timestamp.txt").read_text() == "2026-03-01 11:00:00.000000 UTC"
