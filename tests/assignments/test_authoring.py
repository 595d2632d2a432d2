"""A teacher makes an assignment, brings its notebooks, releases it, and sets its dates and rules."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from assignments import artefacts, files
from assignments.arranging import edit_assignment, give_extension, refold_grades, take_extension, version_of
from assignments.deadlines import Allowance, LateRule, Step
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.grading.gradebook import change_points
from assignments.grading.points import CellKey, ChangeKind
from assignments.models import Assignment, Extension, GateRun, Grade, Origin, Release, Source, Way
from assignments.releasing.authoring import bring_from_class, bring_uploaded, folders_of
from assignments.releasing.findings import Finding
from assignments.submitting.submissions import receive
from assignments.turnout import turnout_of
from classes.models import Course, Role
from environments.models import SourceTree
from tests.assignments.drawn_up import checked, fetched
from tests.factories import AssignmentFactory, CourseFactory, UserFactory, member, prepared, released

pytestmark = pytest.mark.django_db

FAR_AWAY = "Give a date between 2000 and 2200."
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
BUNDLE = Bundle((File("problem1.ipynb", NOTEBOOK),))


@pytest.fixture
def course(teacher: User) -> Course:
    """A class whose environment is prepared."""
    course = prepared(CourseFactory.create(owner=teacher))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def assignment(course: Course) -> Assignment:
    """One that nobody has released."""
    return AssignmentFactory.create(course=course, name="homework", title="Homework")


@pytest.fixture
def at_desk(client: Client, teacher: User) -> Client:
    """The teacher's browser."""
    client.force_login(teacher)
    return client


def page(name: str, assignment: Assignment, *arguments: Any) -> str:
    return reverse(f"assignments:{name}", args=[assignment.course.slug, assignment.name, *arguments])


# --- Bringing ----------------------------------------------------------------------------------------------


def test_upload_of_notebooks_and_data_is_one_source(assignment: Assignment, teacher: User, now: datetime) -> None:
    source = bring_uploaded(assignment, [("problem1.ipynb", NOTEBOOK), ("data.csv", b"1")], by=teacher, now=now)

    assert (source.origin, source.notebooks) == (Origin.UPLOAD, ["problem1"])
    assert _paths(source) == ["data.csv", "problem1.ipynb"]


def test_upload_of_a_zip_is_what_is_in_it(assignment: Assignment, teacher: User, now: datetime) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ps1/problem1.ipynb", NOTEBOOK)
        archive.writestr("ps1/data/points.csv", "1")

    source = bring_uploaded(assignment, [("ps1.zip", packed.getvalue())], by=teacher, now=now)

    assert _paths(source) == ["data/points.csv", "problem1.ipynb"]


def test_upload_without_notebooks_is_refused(assignment: Assignment, teacher: User, now: datetime) -> None:
    with pytest.raises(AssignmentError, match="source_without_notebooks"):
        bring_uploaded(assignment, [("data.csv", b"1")], by=teacher, now=now)


def test_folder_of_the_class_is_taken_as_it_is_in_use(
    fake_backends: None, assignment: Assignment, teacher: User, now: datetime
) -> None:
    tree = fetched(assignment.course, {"week-1/ps1.ipynb": "{}", "week-1/data/a.csv": "1", "other.txt": "2"}, now)

    source = bring_from_class(assignment, "week-1", by=teacher, now=now)

    assert folders_of(tree) == ["week-1"]
    assert _paths(source) == ["data/a.csv", "ps1.ipynb"]
    assert (source.origin, source.origin_detail) == (Origin.REPOSITORY, f"week-1 · {tree.commit[:7]}")


def test_files_at_the_top_of_the_class_can_be_taken(
    fake_backends: None, assignment: Assignment, teacher: User, now: datetime
) -> None:
    fetched(assignment.course, {"ps1.ipynb": "{}"}, now)

    assert _paths(bring_from_class(assignment, ".", by=teacher, now=now)) == ["ps1.ipynb"]


@pytest.mark.parametrize("folder", ["..", "../../etc", "week-2", ""])
def test_other_folders_are_refused(
    fake_backends: None, assignment: Assignment, teacher: User, now: datetime, folder: str
) -> None:
    fetched(assignment.course, {"week-1/ps1.ipynb": "{}"}, now)

    with pytest.raises(AssignmentError, match="folder_unknown"):
        bring_from_class(assignment, folder, by=teacher, now=now)


def test_files_that_are_not_there_yet_are_said(assignment: Assignment, teacher: User, now: datetime) -> None:
    with pytest.raises(AssignmentError, match="class_files_not_ready"):
        bring_from_class(assignment, "week-1", by=teacher, now=now)


def test_page_of_notebooks_only_looks_and_its_button_has_the_files_fetched(
    at_desk: Client, assignment: Assignment
) -> None:
    shown = at_desk.get(page("assignment-notebooks", assignment))
    looked = SourceTree.objects.exists()

    at_desk.post(page("source-fetch", assignment))

    assert "They are not here yet." in shown.text
    assert (looked, SourceTree.objects.get().state) == (False, SourceTree.State.QUEUED)
    assert "They are being fetched." in at_desk.get(page("assignment-notebooks", assignment)).text


def test_files_that_could_not_be_fetched_are_said_and_can_be_tried_again(
    at_desk: Client, assignment: Assignment
) -> None:
    at_desk.post(page("source-fetch", assignment))
    SourceTree.objects.update(state=SourceTree.State.FAILED, failure_code="material_interrupted")

    text = at_desk.get(page("assignment-notebooks", assignment)).text

    failure = SourceTree.objects.get().failure
    assert failure is not None
    assert failure.sentence in text
    assert page("source-fetch", assignment) in text


# --- Dates and rules ---------------------------------------------------------------------------------------


def test_moved_date_moves_what_was_late(assignment: Assignment, now: datetime) -> None:
    grade = _graded_late(assignment, now)

    edit_assignment(assignment, {"due_at": now + timedelta(hours=1)})
    refold_grades(assignment, now=now)

    grade.refresh_from_db()
    assert (grade.penalty, grade.points) == (Decimal(0), Decimal(4))


def test_extension_moves_what_was_late_and_can_be_taken_back(
    assignment: Assignment, teacher: User, now: datetime
) -> None:
    grade = _graded_late(assignment, now)

    given = give_extension(assignment, grade.membership, Allowance(extra_minutes=120), by=teacher, now=now)
    grade.refresh_from_db()
    with_it = grade.penalty
    take_extension(assignment, given.pk, now=now)

    grade.refresh_from_db()
    assert (with_it, grade.penalty) == (Decimal(0), Decimal(2))


def test_turnout_counts_each_student_once(assignment: Assignment, teacher: User, now: datetime) -> None:
    released(assignment)
    ada = member(assignment.course, "ada")
    member(assignment.course, "bob")
    for _attempt in range(2):
        receive(assignment, ada, BUNDLE, way=Way.LAB, by=ada.person, now=now)

    turnout = turnout_of(assignment)

    assert (turnout.students, turnout.submitted, turnout.fetched) == (2, 1, 1)


# --- Pages -------------------------------------------------------------------------------------------------


def test_making_an_assignment_leads_to_its_notebooks(at_desk: Client, course: Course) -> None:
    response = at_desk.post(reverse("assignments:assignment-add", args=[course.slug]), {"title": "Week 1: loops"})

    assert response["Location"] == page("assignment-notebooks", course.assignments.get(name="week-1-loops"))


def test_sent_notebooks_are_checked(at_desk: Client, assignment: Assignment) -> None:
    sent = [SimpleUploadedFile("problem1.ipynb", NOTEBOOK), SimpleUploadedFile("data.csv", b"1")]

    response = at_desk.post(page("source-upload", assignment), {"sent": sent})

    assert response.status_code == 302
    run = GateRun.objects.get(source__assignment=assignment)
    assert (run.state, _paths(run.source)) == (GateRun.State.WAITING, ["data.csv", "problem1.ipynb"])


def test_check_is_asked_after_as_long_as_it_is_under_way(at_desk: Client, assignment: Assignment) -> None:
    checked(assignment, state=GateRun.State.RUNNING)

    part = at_desk.get(page("assignment-notebooks", assignment), headers={"HX-Request": "true"})

    assert 'data-refresh-seconds="2"' in part.text
    assert "<html" not in part.text


def test_missing_environment_is_not_to_be_mended_in_notebooks(at_desk: Client, assignment: Assignment) -> None:
    checked(assignment, findings=[Finding("grading_image_missing", "error")])

    text = at_desk.get(page("assignment-notebooks", assignment)).text

    assert "To the environment of the class" in text
    assert "Mend this in your notebooks" not in text


def test_check_tells_what_it_found_and_which_cells_there_are(at_desk: Client, assignment: Assignment) -> None:
    finding = Finding("stub_earns", "error", "problem1", "test_foo", 3, {"points": "1", "most": "2"})
    checked(assignment, findings=[finding])

    text = at_desk.get(page("assignment-notebooks", assignment)).text

    assert "gets 1 of 2 points here" in text
    assert "cell 4" in text
    assert "bring them again below" in text
    assert "test_foo" in text
    assert "2 cells, 2 points" in text


def test_release_says_first_when_it_is_due(at_desk: Client, assignment: Assignment) -> None:
    checked(assignment, has_passed=True)

    text = at_desk.get(page("assignment-notebooks", assignment)).text

    assert "no due date" in text
    assert page("assignment-edit", assignment) in text


def test_what_has_passed_is_released(at_desk: Client, assignment: Assignment) -> None:
    run = checked(assignment, has_passed=True)

    at_desk.post(page("release-add", assignment), {"check": run.pk, "note": "First"})

    made = Release.objects.get(assignment=assignment)
    assert (made.gate_run, made.note, made.is_knowing) == (run, "First", False)


@pytest.mark.parametrize(("is_knowing", "releases"), [("", 0), ("on", 1)])
def test_what_has_not_passed_is_released_knowingly_only(
    at_desk: Client, assignment: Assignment, is_knowing: str, releases: int
) -> None:
    run = checked(assignment)

    at_desk.post(page("release-add", assignment), {"check": run.pk, "is_knowing": is_knowing})

    assert assignment.releases.filter(is_knowing=True).count() == releases


def test_check_of_another_assignment_is_not_released(at_desk: Client, assignment: Assignment) -> None:
    other = checked(AssignmentFactory.create(course=assignment.course, name="other"), has_passed=True)

    assert at_desk.post(page("release-add", assignment), {"check": other.pk}).status_code == 404


def test_settings_are_saved(at_desk: Client, assignment: Assignment) -> None:
    due = timezone.localtime(timezone.now() + timedelta(days=7)).replace(second=0, microsecond=0)

    response = at_desk.post(
        page("assignment-edit", assignment),
        _settings(
            assignment,
            due_at=due.strftime("%Y-%m-%dT%H:%M"),
            attempts="3",
            **{"late-way": "daily", "late-per_day": "10", "late-keeps": "50"},
        ),
    )

    assert response.status_code == 302
    assignment.refresh_from_db()
    rule = assignment.schedule.late
    assert (assignment.due_at, assignment.attempts) == (due, 3)
    assert (rule.percent_per_day, rule.keeps_percent) == (10, 50)


def test_dates_in_a_wrong_order_are_refused(at_desk: Client, assignment: Assignment) -> None:
    wrong = _settings(assignment, opens_at="2026-03-02T10:00", due_at="2026-03-01T10:00")

    assert at_desk.post(page("assignment-edit", assignment), wrong).status_code == 422


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "", "This field is required"),
        ("due_at", "the day after tomorrow", "Enter a valid date"),
        ("closes_at", "2026-02-01T10:00", "not in order"),
        *[(field, "9999-12-31T23:59", FAR_AWAY) for field in ("due_at", "closes_at", "hidden_tests_from")],
        *[(field, "0001-01-01T00:00", FAR_AWAY) for field in ("opens_at", "due_at", "hidden_tests_from")],
        ("due_at", "1999-12-31T23:59", FAR_AWAY),
        ("closes_at", "2201-01-01T00:00", FAR_AWAY),
        ("attempts", "0", "greater than or equal to 1"),
        ("attempts", "-1", "greater than or equal to 1"),
        ("attempts", "1001", "less than or equal to 1000"),
        ("attempts", "many", "Enter a whole number"),
        ("counts", "worst", "Select a valid choice"),
        ("hidden_tests", "later", "Say from when"),
        ("cell_seconds", "301", "more time than everything"),
        ("total_seconds", "841", "less than or equal to 840"),
        ("memory_mb", "1", "greater than or equal to 128"),
        ("lesson", "00000000-0000-0000-0000-000000000000", "Select a valid choice"),
        ("late-way", "", "Choose what being late costs"),
        ("late-way", "dearly", "Select a valid choice"),
        ("late-grace", "-5", "greater than or equal to 0"),
        ("late-grace", "600000", "less than or equal to"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(
    at_desk: Client, assignment: Assignment, field: str, value: str, words: str
) -> None:
    typed = _settings(assignment, **{"due_at": "2026-03-01T10:00", field: value})

    response = at_desk.post(page("assignment-edit", assignment), typed)

    assert response.status_code == 422
    assert words in response.text


def test_second_of_two_teachers_is_told_what_the_first_has_saved(at_desk: Client, assignment: Assignment) -> None:
    typed = _settings(assignment, attempts="5", is_anonymous="on")
    rule = LateRule(steps=(Step(1440, 90),))
    edit_assignment(assignment, {"attempts": 2, "title": "Theirs", "late": rule.as_json()})

    response = at_desk.post(page("assignment-edit", assignment), typed)

    assert response.status_code == 409
    for words in (
        "Saved now: 2",
        "Saved now: “Theirs”",
        "Saved now: no",
        "Saved now: More than 1 day late",
    ):
        assert words in response.text
    assignment.refresh_from_db()
    assert (assignment.attempts, assignment.title, assignment.is_anonymous) == (2, "Theirs", False)


def test_second_of_two_teachers_saves_once_they_have_seen_it(at_desk: Client, assignment: Assignment) -> None:
    typed = _settings(assignment, attempts="5")
    edit_assignment(assignment, {"attempts": 2})
    shown = at_desk.post(page("assignment-edit", assignment), typed)

    at_desk.post(page("assignment-edit", assignment), typed | {"seen": shown.context["form"]["seen"].value()})

    assignment.refresh_from_db()
    assert assignment.attempts == 5


def test_edit_keeps_what_somebody_else_has_set_elsewhere(assignment: Assignment) -> None:
    mine = Assignment.objects.get(pk=assignment.pk)
    edit_assignment(assignment, {"attempts": 2})

    edit_assignment(mine, {"title": "Other"})

    assignment.refresh_from_db()
    assert (assignment.attempts, assignment.title) == (2, "Other")


def test_what_lateness_costs_is_read_by_students(client: Client, assignment: Assignment) -> None:
    released(assignment)
    rule = LateRule(grace_minutes=10, steps=(Step(1440, 90), Step(3 * 1440, 50)))
    edit_assignment(assignment, {"due_at": timezone.now(), "late": rule.as_json()})
    client.force_login(member(assignment.course, "ada").person)

    text = client.get(page("assignment-detail", assignment)).text

    assert "Up to 10 minutes late still counts as in time." in text
    assert "More than 3 days late, 50% of them stay." in text


def test_more_time_is_given_on_the_page(at_desk: Client, assignment: Assignment) -> None:
    ada = member(assignment.course, "ada")

    at_desk.post(page("extension-list", assignment), {"student": ada.pk, "extra_minutes": "30"})

    assert Extension.objects.get(membership=ada).allowance == Allowance(extra_minutes=30)


def test_more_of_nothing_is_refused(at_desk: Client, assignment: Assignment) -> None:
    ada = member(assignment.course, "ada")

    assert at_desk.post(page("extension-list", assignment), {"student": ada.pk}).status_code == 422


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("student", "00000000-0000-0000-0000-000000000000", "Select a valid choice"),
        ("extra_minutes", "-1", "greater than or equal to 0"),
        ("extra_minutes", "600000", "less than or equal to"),
        ("until", "some day", "Enter a valid date"),
        ("until", "2026-02-01T10:00", "no earlier than this for everybody"),
        ("until", "9999-12-31T23:59", FAR_AWAY),
        ("until", "0001-01-01T00:00", FAR_AWAY),
        ("time_percent", "99", "greater than or equal to 100"),
        ("time_percent", "1001", "less than or equal to 1000"),
        ("time_percent", "150", "needs dates from when and until when"),
        ("extra_attempts", "1", "as often as they like"),
        ("extra_attempts", "x", "Enter a whole number"),
    ],
)
def test_more_time_that_makes_no_sense_is_refused_in_words(
    at_desk: Client, assignment: Assignment, field: str, value: str, words: str
) -> None:
    edit_assignment(assignment, {"due_at": datetime(2026, 3, 1, 12, tzinfo=UTC)})
    ada = member(assignment.course, "ada")
    typed = {"student": ada.pk, field: value}

    response = at_desk.post(page("extension-list", assignment), typed)

    assert response.status_code == 422
    assert words in response.text
    assert not Extension.objects.exists()


def test_given_time_is_shown_as_their_due_date_in_the_readers_zone(
    at_desk: Client, assignment: Assignment, teacher: User, now: datetime
) -> None:
    edit_assignment(assignment, {"due_at": datetime(2026, 3, 1, 12, tzinfo=UTC)})
    give_extension(assignment, member(assignment.course, "ada"), Allowance(extra_minutes=90), by=teacher, now=now)
    teacher.time_zone = "Asia/Tokyo"
    teacher.save()

    text = at_desk.get(page("extension-list", assignment)).text

    assert 'datetime="2026-03-01T22:30:00+09:00"' in text
    assert "90 minutes more" in text


def test_given_time_is_changed_in_place(at_desk: Client, assignment: Assignment, teacher: User, now: datetime) -> None:
    ada = member(assignment.course, "ada")
    given = give_extension(assignment, ada, Allowance(extra_minutes=30), note="Ill", by=teacher, now=now)
    form = at_desk.get(page("extension-list", assignment), {"change": str(given.pk)}).context["form"]
    shown = {name: form[name].value() or "" for name in form.fields}

    at_desk.post(page("extension-list", assignment), shown | {"extra_minutes": "45"})

    changed = Extension.objects.get()
    assert (changed.pk, changed.extra_minutes, changed.note) == (given.pk, 45, "Ill")


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_form_is_empty_where_there_is_nothing_to_change(at_desk: Client, assignment: Assignment, key: str) -> None:
    response = at_desk.get(page("extension-list", assignment), {"change": key})

    assert response.context["form"].initial == {}


def test_deleted_assignment_is_gone_for_its_class(at_desk: Client, assignment: Assignment) -> None:
    at_desk.post(page("assignment-delete", assignment))

    assert at_desk.get(page("assignment-detail", assignment)).status_code == 404


@pytest.mark.parametrize("name", ["assignment-detail", "assignment-notebooks", "extension-list"])
def test_pages_ask_the_tables_as_often_for_many_as_for_one(
    at_desk: Client,
    assignment: Assignment,
    django_assert_num_queries: Any,
    count_queries: Callable[..., int],
    name: str,
) -> None:
    _fill(assignment, "ada")
    address = page(name, assignment)
    at_desk.get(address)
    before = count_queries(lambda: at_desk.get(address))

    for username in ("bob", "eva", "joe"):
        _fill(assignment, username)

    assert count_queries(lambda: at_desk.get(address)) == before


@pytest.fixture
def count_queries() -> Callable[[Callable[[], object]], int]:
    """How many questions something asks of the tables."""

    def count(act: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as captured:
            act()
        return len(captured)

    return count


# --- Rows --------------------------------------------------------------------------------------------------


def _paths(source: Source) -> list[str]:
    kept = files.from_tar([artefacts.read(source.bundle)], limits=files.Limits()).bundle
    return [file.path for file in kept]


def _settings(assignment: Assignment, **typed: str) -> dict[str, str]:
    """What the form sends that was opened just now."""
    assignment.refresh_from_db()
    usual = {"title": "Homework", "counts": "latest", "hidden_tests": "points", "late-way": "nothing"}
    usual["seen"] = version_of(assignment)
    return usual | {"cell_seconds": "30", "total_seconds": "300", "memory_mb": "1024"} | typed


def _graded_late(assignment: Assignment, now: datetime) -> Grade:
    """A grade of two points out of four, for being half an hour late."""
    released(assignment, cells=[("problem1", "essay", "manual", 4)])
    assignment.due_at, assignment.late = now - timedelta(minutes=30), {"percent_per_day": 50}
    assignment.save()
    ada = member(assignment.course, "ada")
    submission = receive(assignment, ada, BUNDLE, way=Way.LAB, by=ada.person, now=now)
    essay, teacher = CellKey("problem1", "essay"), assignment.course.owner
    change_points(submission, kind=ChangeKind.MANUAL, points=Decimal(4), cell=essay, by=teacher, now=now)
    grade = Grade.objects.get(membership=ada)
    assert (grade.points, grade.penalty) == (Decimal(2), Decimal(2))
    return grade


def _fill(assignment: Assignment, username: str) -> None:
    """Another student with an extension and a submission, and another release."""
    student = member(assignment.course, username)
    Extension.objects.create(assignment=assignment, membership=student, given_by=student.person)
    run = checked(assignment, findings=[Finding("no_tests", "warning", "problem1")])
    made = released(assignment)
    made.released_by = UserFactory.create(username=username)
    made.gate_run = run
    made.save()
    receive(assignment, student, BUNDLE, way=Way.LAB, by=student.person, now=timezone.now())
