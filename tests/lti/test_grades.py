"""The outbox: whose grades are to be where, and from when on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.models import Feedback, Grade, Submission
from classes.models import Course, Role
from lti.models import Context, LtiPerson, Outlet, Platform, Score
from lti.passback import outbox
from tests.assignments.grading_rows import submitted_by_many
from tests.factories import AssignmentFactory, CourseFactory, member, released
from tests.lti.graded import Clock, Lectures, lectures_at
from tests.lti.platforms import TEACHER, Browser

pytestmark = pytest.mark.django_db
State = Score.State


class NoLms:
    """Nobody is asked anything: a platform by its row."""

    url = "https://lms.test"


class Rows:
    """A campus of rows alone."""

    def __init__(self, name: str = "Campus") -> None:
        self.lms = NoLms()
        self.platform = Platform.objects.create(
            name=name, issuer=f"https://{name}.test", client_id="1", state=Platform.State.ACTIVE
        )
        self.deployment = self.platform.deployments.create(deployment_id="1")

    def context(self, **facts: Any) -> Context:
        return self.deployment.contexts.create(
            context_id="2", title="Computing 101", line_items_url="https://lms.test/lineitems", **facts
        )

    def sub(self, username: str) -> str:
        return f"sub-{username}"


@pytest.fixture
def rows() -> Lectures:
    """The class, whose platform nobody asks anything."""
    return lectures_at(Rows())  # type: ignore[arg-type]


def test_published_grade_is_on_its_way(rows: Lectures) -> None:
    rows.graded("ada", 8.25)

    score = rows.score("ada")
    assert (score.state, score.points, score.maximum) == (State.WAITING, Decimal("8.25"), Decimal(10))
    assert score.graded_at == rows.clock()


def test_worker_is_asked_once_the_grades_are_committed(
    rows: Lectures, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("environments.queueing._send", lambda task, key: asked.append((task, key)))

    with django_capture_on_commit_callbacks(execute=True):
        rows.graded("ada")

    assert asked == [("lti.tasks.send_grades", str(rows.campus.platform.pk))]


def test_person_from_two_platforms_has_it_at_both(rows: Lectures) -> None:
    membership = rows.student("ada")
    other = Rows("Other")
    context = other.context(course=rows.course)
    person = LtiPerson.objects.create(platform=other.platform, sub="a", user=membership.person)
    context.enrolments.create(person=person, role=Role.STUDENT)
    rows.grade(membership, 8)

    rows.publish()

    assert set(Score.objects.values_list("person__platform__name", flat=True)) == {"Campus", "Other"}


def test_person_of_the_platform_who_is_not_in_its_course_has_none(rows: Lectures) -> None:
    membership = rows.student("ada")
    rows.context.enrolments.all().delete()
    rows.grade(membership, 8)

    rows.publish()

    assert not Score.objects.exists()


@pytest.mark.parametrize("role", [Role.GRADER, Role.TEACHER])
def test_whoever_is_no_student_over_there_has_none(rows: Lectures, role: Role) -> None:
    membership = rows.student("toby")
    rows.context.enrolments.update(role=role)
    rows.grade(membership, 8)

    rows.publish()

    assert not Score.objects.exists()


def test_whoever_helps_in_the_class_has_none(rows: Lectures) -> None:
    membership = rows.student("toby")
    membership.role = Role.GRADER
    membership.save()
    rows.grade(membership, 8)

    rows.publish()

    assert not Score.objects.exists()


def test_grade_that_is_not_final_stays_here(rows: Lectures) -> None:
    rows.grade(rows.student("ada"), 5, needs_manual=1)

    rows.publish()

    assert not Score.objects.exists()


def test_grade_that_is_final_by_now_leaves(rows: Lectures) -> None:
    membership = rows.student("ada")
    rows.grade(membership, 5, needs_manual=1)
    rows.publish()
    rows.grade(membership, 9, needs_manual=0)

    rows.publish()

    assert rows.score("ada").points == 9


def test_assignment_without_points_leaves_nothing(rows: Lectures) -> None:
    rows.grade(rows.student("ada"), 0, max_points=Decimal(0))

    rows.publish()

    assert not Score.objects.exists()


def test_message_of_the_teacher_goes_along(rows: Lectures, now: Any) -> None:
    assignment = AssignmentFactory.create(course=rows.course, name="trees")
    released(assignment)
    (submission,) = submitted_by_many(assignment, 1, now=now, points=4)
    person = LtiPerson.objects.create(platform=rows.campus.platform, sub="9", user=submission.membership.person)
    rows.context.enrolments.create(person=person, role=Role.STUDENT)

    publish_grades(assignment, None, by=rows.teacher, now=rows.clock(), message="Well done.")

    assert Score.objects.get().comment == "Well done."
    assert Feedback.objects.get().submission == Submission.objects.get()


def test_same_grade_again_changes_nothing(rows: Lectures) -> None:
    score = rows.graded("ada", 8)
    rows.clock.pass_(minutes=1)

    count = outbox.queue([score.grade])

    assert count == 0
    assert rows.score("ada").version == 1


def test_other_grade_takes_the_place_of_one_that_waits(rows: Lectures) -> None:
    score = rows.graded("ada", 8)
    Score.objects.update(attempts=3, next_try_at=rows.clock.pass_(hours=1))
    rows.grade(score.grade.membership, 9)

    rows.publish()

    score = rows.score("ada")
    assert (score.points, score.version, score.attempts, score.next_try_at) == (Decimal(9), 2, 0, None)


def test_grade_that_was_read_before_a_newer_was_published_does_not_take_its_place(rows: Lectures) -> None:
    score = rows.graded("ada", 5)
    older = Grade.objects.select_related("membership").get(pk=score.grade_id)
    rows.clock.pass_(minutes=1)
    rows.grade(older.membership, 9)
    rows.publish()

    outbox.queue([older])

    assert rows.score("ada").points == 9


def test_refused_grade_is_tried_again_once_it_is_published_again(rows: Lectures) -> None:
    score = rows.graded("ada", 8)
    Score.objects.update(state=State.REFUSED, failure_code="grade_refused")

    outbox.queue([score.grade])

    assert (rows.score("ada").state, rows.score("ada").failure_code) == (State.WAITING, "")


def test_resending_is_something_new(rows: Lectures) -> None:
    rows.graded("ada", 8)
    Score.objects.update(state=State.SENT)
    Outlet.objects.update(paused_until=rows.clock.pass_(hours=1))

    count = outbox.resend(Score.objects.all())

    assert count == 1
    assert (rows.score("ada").state, rows.score("ada").version) == (State.WAITING, 2)
    assert Outlet.objects.get().paused_until is None


def test_publishing_costs_as_many_queries_for_many(rows: Lectures) -> None:
    def publish_to(count: int) -> int:
        for _each in range(count):
            rows.grade(rows.student(f"s{User.objects.count()}"), 5)
        rows.clock.pass_(minutes=1)
        with CaptureQueriesContext(connection) as queries:
            rows.publish()
        return len(queries)

    few, many = publish_to(2), publish_to(12)

    assert many == few


def test_class_without_a_platform_costs_one_query(now: Any, teacher: User) -> None:
    course: Course = CourseFactory.create()
    assignment = AssignmentFactory.create(course=course)
    membership = member(course, "ada")
    grade = assignment.grades.create(
        membership=membership,
        points=1,
        max_points=1,
        published_points=1,
        published_max_points=1,
        published_at=now,
        changed_at=now,
    )

    with CaptureQueriesContext(connection) as queries:
        outbox.queue([grade])

    assert len([one for one in queries if "SAVEPOINT" not in one["sql"]]) == 1


# --- Launches ----------------------------------------------------------------------------------------------


SERVICE = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"


def service(platform: Platform, **facts: str) -> dict[str, Any]:
    return {SERVICE: {"scope": [], "lineitems": f"{platform.issuer}/lineitems", **facts}}


@pytest.fixture
def told(course: Course, platform: Platform, teacher: User, browser: Browser) -> Lectures:
    """A student's grade that was published before anything was known of the platform's grades."""
    browser.launch()
    person = LtiPerson.objects.get()
    assignment = AssignmentFactory.create(course=course, name="loops", title="Loops")
    context = Context.objects.get()
    found = Lectures(None, course, context, assignment, teacher, Clock(timezone.now()))  # type: ignore[arg-type]
    found.grade(person.user.memberships.get(), 7)
    found.publish()
    assert not Score.objects.exists()
    return found


def test_launch_of_a_student_brings_what_was_published_before(
    told: Lectures, platform: Platform, browser: Browser
) -> None:
    browser.launch(**service(platform))

    assert Score.objects.get().points == 7


def test_launch_of_a_teacher_brings_everybodys(told: Lectures, platform: Platform, browser: Browser) -> None:
    browser.launch(**service(platform), sub="77", roles=[TEACHER])

    assert Score.objects.get().points == 7


def test_launch_brings_nothing_twice(told: Lectures, platform: Platform, browser: Browser) -> None:
    browser.launch(**service(platform))
    Score.objects.update(state=State.SENT)

    browser.launch(**service(platform))

    assert Score.objects.get().state == State.SENT


def test_launch_leaves_what_has_changed_since_it_was_published(
    told: Lectures, platform: Platform, browser: Browser
) -> None:
    told.grade(LtiPerson.objects.get().user.memberships.get(), 9)

    browser.launch(**service(platform))

    assert not Score.objects.exists()


def test_launch_by_a_link_to_the_assignment_says_where_its_column_is(
    told: Lectures, platform: Platform, browser: Browser
) -> None:
    link = {"custom": {"carrel_kind": "assignment", "carrel_id": str(told.assignment.pk)}}
    browser.launch(**service(platform), **link)
    Score.objects.update(state=State.SENT)

    browser.launch(**service(platform, lineitem=f"{platform.issuer}/lineitems/5"), **link)

    score = Score.objects.select_related("line_item").get()
    assert score.line_item.url == f"{platform.issuer}/lineitems/5"
    assert score.state == State.WAITING
