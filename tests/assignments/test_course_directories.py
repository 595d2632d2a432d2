"""Courses of nbgrader come into a class and leave it, and nobody's points change on the way."""

from __future__ import annotations

import csv
import io
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbgrader
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from nbgrader.api import Gradebook
from pytest_django import Settings

from accounts.models import User
from assignments import artefacts
from assignments.arranging import give_extension
from assignments.course_directories.exporting import ask_export, carry_out_export, file_of, tend_exports
from assignments.course_directories.importing import (
    MAX_KEPT,
    Found,
    ask_import,
    bring,
    carry_out,
    members_of,
    remove,
    tend,
)
from assignments.course_directories.taking import made_of, take
from assignments.deadlines import Allowance
from assignments.errors import AssignmentError
from assignments.files import NO_FILES, Bundle, File
from assignments.grading.autograding import Which, ask_all
from assignments.grading.gradebook import change_points, take_over
from assignments.grading.points import CellKey, ChangeKind
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
from assignments.running import engine
from assignments.running.engine import (
    StoredAssignment,
    StoredCell,
    StoredCourse,
    StoredNotebook,
    StoredStudent,
    StoredSubmission,
)
from assignments.views import course_directories
from classes.errors import CourseError
from classes.models import Course, Membership, Role
from tests.assignments.grading import bundle_of, graded_release, notebook
from tests.factories import AssignmentFactory, CourseFactory, member

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
USER_GUIDE = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"
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


# --- Courses as they come ----------------------------------------------------------------------------------


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def _user_guide() -> bytes:
    """The course of nbgrader's own documentation: two students, and no gradebook."""
    folders = ("source/ps1", "submitted/bitdiddle/ps1", "submitted/hacker/ps1")
    files = [path for folder in folders for path in sorted((USER_GUIDE / folder).iterdir()) if path.is_file()]
    return _packed({str(path.relative_to(USER_GUIDE)): path.read_bytes() for path in files})


def test_course_without_its_gradebook_brings_assignments_and_submissions(teacher: User, now: datetime) -> None:
    other = _elsewhere("bitdiddle", by=teacher)

    directory = _imported(_brought(other, _user_guide(), teacher, now), teacher, now)

    assert not Found.of(directory).has_gradebook
    assert [(made.name, made.submissions, made.grades, made.code) for made in made_of(directory)] == [("ps1", 1, 0, "")]
    submission = Submission.objects.get(assignment__course=other)
    assert (submission.state, submission.submitted_at.year) == ("received", 2015)
    assert sum(cell.points for cell in submission.release.cells.all()) == 13


def test_course_without_students_of_the_class_releases_nothing(teacher: User, now: datetime) -> None:
    other = _elsewhere(by=teacher)

    _imported(_brought(other, _user_guide(), teacher, now), teacher, now)

    assignment = Assignment.objects.get(course=other)
    assert (assignment.name, assignment.release, assignment.sources.get().origin) == ("ps1", None, "nbgrader")
    assert assignment.sources.get().gate_runs.count() == 1


def test_grade_of_which_the_files_are_gone_is_kept(course: Course, teacher: User, now: datetime) -> None:
    other = _elsewhere("ada", by=teacher)
    with zipfile.ZipFile(io.BytesIO(_exported(course, teacher, now))) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    bare = _packed({name: content for name, content in files.items() if not name.startswith(("submitted", "auto"))})

    _imported(_brought(other, bare, teacher, now), teacher, now)

    assert _grades(other)["ada"] == _grades(course)["ada"]
    submission = Submission.objects.get(assignment__course=other)
    assert submission.bundle == NO_FILES
    assert ask_all(submission.assignment, Which.ALL, by=teacher, now=now) == 0


def test_assignment_that_is_called_as_no_folder_can_be_is_renamed(teacher: User, now: datetime) -> None:
    other = _elsewhere(by=teacher)
    notebook = bundle_of("submitted-unchanged.ipynb").notebook("problem1")
    content = _packed({"source/Übung 1/problem1.ipynb": notebook, "source/new/problem1.ipynb": notebook})

    _imported(_brought(other, content, teacher, now), teacher, now)

    names = Assignment.objects.filter(course=other).values_list("name", "title")
    assert set(names) == {("bung-1", "Übung 1"), ("new-1", "new")}


def test_assignment_of_which_nothing_can_be_made_is_left_out_with_words(teacher: User, now: datetime) -> None:
    other = _elsewhere(by=teacher)
    AssignmentFactory.create(course=other, name="gone", deleted_at=now)
    notebook = bundle_of("submitted-unchanged.ipynb").notebook("problem1")
    content = _packed({"source/gone/problem1.ipynb": notebook, "source/empty/data.csv": b"1"})

    directory = _imported(_brought(other, content, teacher, now), teacher, now)

    codes = {each.stored_name: each.code for each in Found.of(directory).assignments}
    assert codes == {"gone": "assignment_name_taken", "empty": "source_without_notebooks"}
    assert made_of(directory) == []


@pytest.mark.parametrize(("megabytes", "code", "received"), [(1, "files_too_large", {"ada"}), (3, "", {"ada", "eva"})])
def test_submission_may_hold_as_much_as_one_that_is_submitted_here(
    teacher: User, now: datetime, settings: Settings, megabytes: int, code: str, received: set[str]
) -> None:
    settings.SUBMISSION_MB = megabytes
    other, changed = _elsewhere("ada", "eva", by=teacher), notebook("submitted-changed.ipynb")
    content = _packed(
        {
            "source/homework/problem1.ipynb": notebook("submitted-unchanged.ipynb"),
            "submitted/ada/homework/problem1.ipynb": changed,
            "submitted/eva/homework/problem1.ipynb": changed,
            "submitted/eva/homework/data.bin": b"x" * 2_000_000,
        }
    )

    directory = _imported(_brought(other, content, teacher, now), teacher, now)

    [made] = made_of(directory)
    people = Submission.objects.filter(assignment__course=other).values_list("membership__person__username", flat=True)
    assert (made.code, set(people)) == (code, received)


def _gradebook(stored: StoredCourse, place: Path) -> bytes:
    engine.write_gradebook(stored, into=place / "made")
    return (place / "made" / "gradebook.db").read_bytes()


@pytest.mark.parametrize("database", [b"no database", b"SQLite format 3\x00 broken"])
def test_damaged_gradebook_is_said(database: bytes, teacher: User, now: datetime) -> None:
    directory = _brought(_elsewhere(by=teacher), _packed({"gradebook.db": database}), teacher, now)

    assert (directory.state, directory.failure_code) == ("failed", "gradebook_unreadable")
    assert directory.failure is not None


def test_database_that_would_do_something_is_refused(teacher: User, now: datetime, tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE assignment (id)")
        database.execute("CREATE TRIGGER mean AFTER UPDATE ON assignment BEGIN DELETE FROM assignment; END")
        database.commit()

    directory = _brought(_elsewhere(by=teacher), _packed({"gradebook.db": path.read_bytes()}), teacher, now)

    assert directory.failure_code == "gradebook_unreadable"


@pytest.mark.parametrize("year", [1, 9999])
def test_dates_nobody_means_are_none(year: int, teacher: User, now: datetime, tmp_path: Path) -> None:
    other, moment = _elsewhere("ada", by=teacher), datetime(year, 12, 31, 23, 59, tzinfo=UTC)
    stored = StoredCourse(
        (StoredStudent("ada"),),
        (StoredAssignment("homework", moment, (StoredNotebook("problem1", "{}", ()),)),),
        (StoredSubmission("homework", "ada", moment),),
    )
    content = _packed(
        {
            "gradebook.db": _gradebook(stored, tmp_path),
            "source/homework/problem1.ipynb": notebook("submitted-unchanged.ipynb"),
            "submitted/ada/homework/problem1.ipynb": notebook("submitted-changed.ipynb"),
        }
    )

    _imported(_brought(other, content, teacher, now), teacher, now)

    assert Assignment.objects.get(course=other).due_at is None
    assert Submission.objects.get(assignment__course=other).submitted_at.year not in (1, 9999)


@pytest.mark.parametrize(("points", "count"), [(-5, 1), (100_001, 1), (90_000, 11)])
def test_points_there_is_no_room_for_are_refused(
    points: int, count: int, teacher: User, now: datetime, tmp_path: Path
) -> None:
    cells = tuple(StoredCell(f"cell{number}", "tests", points, "code", "", "") for number in range(count))
    stored = StoredCourse(assignments=(StoredAssignment("homework", None, (StoredNotebook("one", "{}", cells),)),))

    content = _packed({"gradebook.db": _gradebook(stored, tmp_path)})
    directory = _brought(_elsewhere(by=teacher), content, teacher, now)

    assert (directory.state, directory.failure_code) == ("failed", "gradebook_unreadable")


def test_no_more_are_kept_than_there_is_room_for(teacher: User, now: datetime) -> None:
    other = _elsewhere(by=teacher)
    for _time in range(MAX_KEPT):
        bring(other, [b"x"], name="course.zip", by=teacher, now=now)

    with pytest.raises(AssignmentError, match="courses_too_many"):
        bring(other, [b"x"], name="course.zip", by=teacher, now=now)


def test_larger_one_than_may_be_is_not_kept(teacher: User, now: datetime, settings: Settings) -> None:
    settings.CLASS_ARCHIVE_MB = 0

    with pytest.raises(AssignmentError, match="course_too_large"):
        bring(_elsewhere(by=teacher), [b"x"], name="course.zip", by=teacher, now=now)

    assert not CourseDirectory.objects.exists()
    assert list((Path(settings.CARREL_DATA) / "course-directories").iterdir()) == []


def test_what_a_dead_worker_had_is_done_by_another(teacher: User, now: datetime) -> None:
    directory = bring(_elsewhere(by=teacher), [_packed({"source/a/b.txt": b""})], name="c", by=teacher, now=now)
    CourseDirectory.objects.update(state="running", lease_until=now, tries=1)

    tend(now=now + timedelta(minutes=1))
    carry_out(directory, take)

    assert directory.state == "done"


def test_what_kills_every_worker_is_given_up(teacher: User, now: datetime) -> None:
    directory = bring(_elsewhere(by=teacher), [b"x"], name="course.zip", by=teacher, now=now)
    CourseDirectory.objects.update(state="running", lease_until=now, tries=3)

    tend(now=now + timedelta(minutes=1))

    directory.refresh_from_db()
    assert (directory.state, directory.failure_code) == ("failed", "course_work_interrupted")


def test_removed_file_is_gone_and_what_nobody_knows_too(teacher: User, now: datetime, settings: Settings) -> None:
    directory = bring(_elsewhere(by=teacher), [b"x"], name="course.zip", by=teacher, now=now)
    folder = Path(settings.CARREL_DATA) / "course-directories"
    (folder / "nobody's").write_bytes(b"x")

    remove(directory)
    tend(now=timezone.now() + timedelta(days=2))

    assert list(folder.iterdir()) == []


def test_class_that_is_over_takes_nothing_in(teacher: User, now: datetime) -> None:
    course = CourseFactory.create(archived_at=now)

    with pytest.raises(CourseError, match="course_over"):
        bring(course, [b"x"], name="course.zip", by=teacher, now=now)


# --- Leaving -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["timestamp.txt", "timestamp.txt/mine.txt"])
def test_student_with_a_file_where_nbgrader_keeps_the_moment_is_exported(
    course: Course, teacher: User, now: datetime, path: str
) -> None:
    bundle = Bundle((*bundle_of("submitted-changed.ipynb"), File(path, b"yesterday")))
    Submission.objects.filter(membership__person__username="ada").update(bundle=artefacts.keep(bundle.tar))

    content = _exported(course, teacher, now)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("submitted/ada/homework/timestamp.txt").startswith(b"2026-03-01 11:00:00")


def test_class_without_releases_has_nothing_to_export(teacher: User, now: datetime) -> None:
    export = ask_export(CourseFactory.create(), by=teacher, now=now)

    carry_out_export(export)

    assert (export.state, export.failure_code) == ("failed", "course_empty")


def test_asking_twice_is_asking_once_and_old_ones_are_removed(teacher: User, now: datetime) -> None:
    course = CourseFactory.create()
    first, second = (ask_export(course, by=teacher, now=now) for _time in range(2))

    tend_exports(now=now + timedelta(days=8))

    assert first == second
    assert not course.course_directory_exports.exists()


# --- Pages -------------------------------------------------------------------------------------------------


def test_pages_show_what_is_in_it_and_what_came_of_it(
    course: Course, teacher: User, now: datetime, client: Client
) -> None:
    other = _elsewhere("ada", "augusta", by=teacher)
    client.force_login(teacher)
    file = SimpleUploadedFile("old course.zip", _exported(course, teacher, now))
    listing = reverse("assignments:course-directory-list", args=[other.slug])

    page = client.post(listing, {"course": file}, follow=True)
    directory = CourseDirectory.objects.get(course=other)
    carry_out(directory, take)
    address = reverse("assignments:course-directory-detail", args=[other.slug, directory.pk])
    before = client.get(address).content.decode()
    grace = [each.id for each in Found.of(directory).people].index("grace")
    client.post(address, {f"who-{grace}": str(other.memberships.get(person__username="augusta").pk)})
    directory.refresh_from_db()
    carry_out(directory, take)
    after = client.get(address).content.decode()

    assert "Being looked at" in page.content.decode()
    assert "Becomes an assignment." in before
    assert "2 students are not known in this class" in before
    assert "2 submissions, 2 graded" in after
    assert "Is here already." in after
    assert set(_grades(other)) == {"ada", "augusta"}
    assert "old course.zip" in client.get(listing).content.decode()


def test_people_nobody_knows_come_in_pages(
    teacher: User, now: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_directories, "FEW", 2)
    monkeypatch.setattr(course_directories, "CHOICES_SHOWN", 2)
    other = _elsewhere("augusta", "<b>", by=teacher)
    people = [{"id": f"unknown-{n}", "name": "", "email": "", "submissions": 1, "grades": 0} for n in range(3)]
    directory = CourseDirectory.objects.create(
        course=other, name="old", asked_by=teacher, asked_at=now, state="done", found={"people": people}
    )
    address = reverse("assignments:course-directory-detail", args=[other.slug, directory.pk])
    client.force_login(teacher)

    pages = [client.get(address, {"page": page}).content.decode() for page in ("1", "2")]

    assert all("3 students are not known in this class" in page for page in pages)
    assert [[f'name="who-{place}"' in page for place in range(3)] for page in pages] == [
        [True, True, False],
        [False, False, True],
    ]
    assert all("&lt;b&gt;</option>" in page for page in pages)


def test_export_can_be_downloaded_once_it_is_made(course: Course, teacher: User, client: Client) -> None:
    client.force_login(teacher)
    client.post(reverse("assignments:course-directory-export", args=[course.slug]))
    export = course.course_directory_exports.get()
    carry_out_export(export)

    listing = client.get(reverse("assignments:course-directory-list", args=[course.slug])).content.decode()
    address = reverse("assignments:course-directory-download", args=[course.slug, export.pk])
    answer = client.get(address)

    assert address in listing
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")


def test_imported_points_say_so_in_the_history(course: Course, teacher: User, now: datetime, client: Client) -> None:
    other = _elsewhere("ada", by=teacher)
    _imported(_brought(other, _exported(course, teacher, now), teacher, now), teacher, now)
    grade = Grade.objects.get(assignment__course=other)
    client.force_login(teacher)

    page = client.get(reverse("assignments:grade-history", args=[other.slug, "homework", grade.pk]))

    assert "Imported from nbgrader" in page.content.decode()


def test_page_asks_no_more_of_the_tables_for_many_people_than_for_few(
    teacher: User, now: datetime, client: Client
) -> None:
    other = _elsewhere(*(f"student{number}" for number in range(20)), by=teacher)
    client.force_login(teacher)
    asked = []
    for people in (2, 40):
        found = [
            {"id": f"student{number}", "name": "", "email": f"{number}@example.org", "submissions": 1, "grades": 1}
            for number in range(people)
        ]
        directory = CourseDirectory.objects.create(
            course=other, name="c", asked_at=now, state="done", found={"people": found, "assignments": []}
        )
        address = reverse("assignments:course-directory-detail", args=[other.slug, directory.pk])
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        asked.append(len(queries))

    assert asked[1] <= asked[0] + 1  # The list of students to choose from, where somebody is not known.
