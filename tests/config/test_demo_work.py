"""The assignments of the demo's class: made through the verbs, half graded, and true to what their tests give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from accounts.models import Role as SiteRole
from accounts.models import User
from assignments.grading.progress import progress_of
from assignments.models import Assignment, GateRun, Grade, RegradeRequest
from assignments.returning.feedback import feedback_of, told_of
from assignments.running import engine
from assignments.running.engine import Snippet
from assignments.submitting.working import work_of
from assignments.turnout import turnout_of
from classes.models import Course
from config import demo, demo_class, demo_work
from tests.assignments.running import Interpreter, snippets
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The class of the demo with its work, made once: checking notebooks takes a while."""
    engine.lint(demo_work.SOURCES / demo_work.GRADED, name=demo_work.GRADED)  # So that it stands ready.
    with django_db_blocker.unblock(), transaction.atomic():
        UserFactory.create(username="teacher", role=SiteRole.TEACHER)
        grader = UserFactory.create(username="grader")
        UserFactory.create(username="student")
        demo_class.load_class(demo.EXAMPLES / demo_class.REPOSITORY, now=NOW)
        demo_work.load_work(Course.objects.get(), grader=grader, now=NOW)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def now() -> datetime:
    """When it was made."""
    return NOW


@pytest.fixture
def course(loaded: None, db: None) -> Course:
    """The class."""
    return Course.objects.get()


@pytest.fixture
def graded(course: Course) -> Assignment:
    """The one whose due date has passed."""
    return course.assignments.get(name=demo_work.GRADED)


def test_one_is_past_its_due_date_and_one_is_open(course: Course, now: datetime) -> None:
    past, present = course.assignments.order_by("position")

    assert past.due_at is not None
    assert present.due_at is not None
    assert past.due_at < now < present.due_at
    assert list(course.assignments.open_to_students(now).order_by("position")) == [past, present]


def test_checks_find_nothing_but_that_the_environment_is_not_prepared(course: Course) -> None:
    found = [finding["code"] for run in GateRun.objects.all() for finding in run.findings]

    assert found == ["grading_image_missing"] * 2


def test_most_have_submitted_and_some_wait_for_a_person(graded: Assignment) -> None:
    turnout, tests = turnout_of(graded), progress_of(graded)

    assert (turnout.students, turnout.submitted, tests.graded) == (20, 17, 17)
    assert (tests.is_under_way, tests.failed) == (False, 0)
    assert turnout.need_a_person == 8  # Not the earlier of two attempts.


def test_student_of_the_demo_has_feedback_to_read(graded: Assignment, now: datetime) -> None:
    sam = graded.course.memberships.get(person__username="student")

    work = work_of(graded, sam, now=now)

    assert work.grade is not None
    assert (work.grade.published_points, work.grade.published_max_points) == (Decimal(11), Decimal(14))
    submission = work.received[0].submission
    told = told_of(submission, feedback_of(submission), now=now)
    assert told.message == demo_work.MESSAGE
    assert {comment.text for notebook in told.notebooks for cell in notebook.cells for comment in cell.comments}


def test_lateness_has_cost_who_was_late(graded: Assignment) -> None:
    late = Grade.objects.filter(assignment=graded, penalty__gt=0).order_by("membership__person__username")

    assert [grade.membership.person.username for grade in late] == ["hanna", "oscar"]


def test_one_asks_about_their_points_and_one_has_more_time(graded: Assignment) -> None:
    assert RegradeRequest.objects.get().submission.membership.person.username == "benoit"
    assert graded.extensions.get().membership.person.username == "nora"


def test_published_is_what_is_graded_completely(graded: Assignment) -> None:
    published = Grade.objects.filter(assignment=graded, published_at__isnull=False)

    assert published.count() == 9
    assert not published.filter(needs_manual__gt=0).exists()


def test_nothing_comes_back_that_a_teacher_has_deleted(course: Course, now: datetime) -> None:
    Assignment.objects.update(deleted_at=now)

    demo_work.load_work(course, grader=User.objects.get(username="grader"), now=now)

    assert not course.assignments.present().exists()


def test_answers_put_out_what_is_recorded_of_them() -> None:
    notebook = json.loads((demo_work.SOURCES / demo_work.GRADED / f"{demo_work.GRADED}.ipynb").read_text())
    sources = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    recorded = json.loads((demo_work.SOURCES / "answers.json").read_text())
    expected: dict[object, str] = {}
    found: dict[object, str] = {}

    with snippets() as ask:
        found["cups"] = _put_out(ask, sources["cups"])
        expected["cups"] = recorded["prints"]["cups"]
        for question in ("mean", "median", "spread"):
            for name, answer in recorded["answers"][question].items():
                _put_out(ask, "".join(answer["source"]))
                for tests in (each for each in sources if each.startswith(question) and each.endswith("tests")):
                    said = answer.get("prints", {}).get(tests, "") + answer.get("fails", {}).get(tests, "")
                    expected[tests, name], found[tests, name] = said, _put_out(ask, sources[tests])
        for name, answer in recorded["answers"]["picture"].items():
            for number, cell in enumerate(answer["cells"]):
                expected[name, number], found[name, number] = cell["prints"], _put_out(ask, "".join(cell["source"]))

    assert found == expected


def _put_out(ask: Interpreter, code: str) -> str:
    """What running this prints, and the error it ends with."""
    outputs = ask(Snippet(notebook="demo", kernel="python3", code=code))
    return "".join(each.get("text") or f"{each['ename']}: {each['evalue']}" for each in outputs)
