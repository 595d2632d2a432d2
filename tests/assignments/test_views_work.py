"""The page of an assignment, as somebody who works on it sees it: what holds for them, in words."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assignments.deadlines import LateRule, Step
from assignments.files import Bundle, File
from assignments.grading.gradebook import publish_grades, regrade_person
from assignments.late_words import duration, words_of
from assignments.models import Assignment, Autograding, Collection, Extension, Feedback, Submission, Way
from assignments.submitting.fetching import ask_fetch, carry_out_fetch
from assignments.submitting.submissions import receive
from classes.models import Membership
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

HOUR = timedelta(hours=1)
QUERIES = 26


@pytest.fixture
def assignment() -> Assignment:
    """One that is due in three hours, and was released."""
    assignment = AssignmentFactory.create(name="given", due_at=timezone.now() + 3 * HOUR)
    released(assignment, cells=[("problem1", "essay", "manual", 4)])
    return assignment


@pytest.fixture
def ada(assignment: Assignment) -> Membership:
    """A student who has a copy."""
    ada = member(assignment.course, "ada")
    carry_out_fetch(ask_fetch(assignment, ada, now=timezone.now()), now=timezone.now())
    return ada


# --- What being late costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (LateRule(), ["Being late costs no points."]),
        (LateRule(grace_minutes=120), ["Up to 2 hours late still counts as in time.", "Being late costs no points."]),
        (
            LateRule(percent_per_day=10, keeps_percent=50),
            ["Each day late that has begun costs 10% of the points.", "At least 50% of them stay."],
        ),
        (
            LateRule(steps=(Step(0, 80), Step(90, 0))),
            ["Late, 80% of the points stay.", "More than 90 minutes late, 0% of them stay."],
        ),
    ],
)
def test_words_of_says_the_whole_rule(rule: LateRule, words: list[str]) -> None:
    assert words_of(rule) == words


@pytest.mark.parametrize(
    ("minutes", "words"), [(1, "1 minute"), (60, "1 hour"), (90, "90 minutes"), (2880, "2 days"), (0, "0 minutes")]
)
def test_duration_is_in_the_largest_whole_unit(minutes: int, words: str) -> None:
    assert duration(minutes) == words


# --- Dates and rules on the page ---------------------------------------------------------------------------


def test_page_says_when_it_is_due_and_in_how_long(client: Client, ada: Membership) -> None:
    page = _page(client, ada)

    assert "in 2\xa0hours" in page
    assert "Being late costs no points." in page
    assert "It is taken at any time." in page


def test_page_gives_times_in_the_zone_of_the_reader(client: Client, assignment: Assignment, ada: Membership) -> None:
    ada.person.time_zone = "Pacific/Auckland"
    ada.person.save()
    Assignment.objects.update(due_at=datetime.fromisoformat("2031-01-01T11:30+00:00"))

    page = _page(client, ada)

    assert "2 January 2031, 00:30" in page
    assert "Pacific/Auckland" in page


def test_page_says_what_this_student_was_given_beyond_others(
    client: Client, assignment: Assignment, ada: Membership
) -> None:
    Assignment.objects.update(attempts=2)
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=120, extra_attempts=1)

    page = _page(client, ada)

    assert "You have more time." in page
    assert "3 of 3 left." in page
    assert "1 of them is yours alone." in page


def test_page_counts_what_is_left(client: Client, assignment: Assignment, ada: Membership) -> None:
    Assignment.objects.update(attempts=2, counts="best")
    assignment.refresh_from_db()
    _received(assignment, ada)

    page = _page(client, ada)

    assert "1 of 2 left." in page
    assert "The best attempt counts." in page


def test_page_names_no_rule_for_lateness_where_nothing_late_is_taken(
    client: Client, assignment: Assignment, ada: Membership
) -> None:
    Assignment.objects.update(closes_at=assignment.due_at)

    assert "If it is late" not in _page(client, ada)


# --- What became of it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("received", "Received"),
        ("waiting", "Waiting to be graded"),
        ("running", "Being graded"),
        ("graded", "Graded, not published yet"),
        ("problem", "those who teach see this, too"),
    ],
)
def test_page_says_what_became_of_a_submission(
    client: Client, assignment: Assignment, ada: Membership, state: str, words: str
) -> None:
    _received(assignment, ada)
    Submission.objects.update(state=state)

    page = _page(client, ada)

    assert words in page
    assert ('data-refresh-seconds="1"' in page) is (state in ("received", "waiting", "running"))


def test_page_waits_for_no_grading_that_nobody_asks(client: Client, assignment: Assignment, ada: Membership) -> None:
    Assignment.objects.update(is_graded_on_submit=False)
    _received(assignment, ada)

    assert 'data-refresh-seconds=""' in _page(client, ada)


def test_page_says_why_it_could_not_be_graded(client: Client, assignment: Assignment, ada: Membership) -> None:
    submission = _received(assignment, ada)
    Autograding.objects.create(
        submission=submission, release=submission.release, state="failed", failure_code="grading_interrupted"
    )
    Submission.objects.update(state="problem")

    assert "interrupted again and again" in _page(client, ada)


def test_page_warns_of_a_notebook_that_could_not_be_taken(
    client: Client, assignment: Assignment, ada: Membership
) -> None:
    receive(assignment, ada, _bundle(b"damaged"), way=Way.LAB, by=ada.person, now=timezone.now())

    assert "problem1: it could not be read as a notebook. It counts as unanswered." in _page(client, ada)


def test_page_says_which_submission_the_grade_is_of(client: Client, assignment: Assignment, ada: Membership) -> None:
    teacher = member(assignment.course, "teacher")
    submission = _received(assignment, ada)
    submission.points, submission.max_points = 3, 4
    submission.state = "graded"
    submission.save()
    regrade_person(assignment, ada, now=timezone.now())
    publish_grades(assignment, None, by=teacher.person, now=timezone.now())

    page = _page(client, ada)

    assert "this one counts" in page
    assert "New feedback" in page


def test_page_says_that_a_question_is_open_and_then_answered(
    client: Client, assignment: Assignment, ada: Membership
) -> None:
    submission = _received(assignment, ada)
    Feedback.objects.create(submission=submission)
    asked = submission.regrade_requests.create(opened_at=timezone.now())

    before = _page(client, ada)
    asked.state = "kept"
    asked.save()

    assert "Your question is open" in before
    assert "Your question was answered" in _page(client, ada)


def test_page_offers_to_put_back_what_is_missing(client: Client, assignment: Assignment, ada: Membership) -> None:
    Collection.objects.create(
        assignment=assignment,
        membership=ada,
        way=Way.PAGE,
        asked_at=timezone.now(),
        state="failed",
        failure_code="copy_missing",
    )

    page = _page(client, ada)

    assert "There is no copy of this assignment among your files." in page
    assert '<details class="disclosure" open>' in page
    assert "You have the corrected version" not in page
    assert "Put back what is missing" in page


def test_page_says_what_a_correction_has_changed(client: Client, ada: Membership) -> None:
    ada.fetches.update(
        news=[{"notebook": "problem1", "added": [], "updated": ["a"], "removed": [], "set_aside": ["b"]}]
    )

    page = _page(client, ada)

    assert "problem1: 1 cell was corrected." in page
    assert "what you had written in b is kept" in page


def test_page_asks_the_database_as_often_however_much_was_submitted(
    client: Client, assignment: Assignment, ada: Membership, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for state in ("problem", "graded", "waiting", "received"):
        submission = _received(assignment, ada)
        submission.state = state
        submission.save()
        submission.regrade_requests.create(opened_at=timezone.now())
    client.force_login(ada.person)

    with django_assert_max_num_queries(QUERIES):
        client.get(_place(ada))


# --- The list ----------------------------------------------------------------------------------------------


def test_list_says_when_each_is_due_for_them_and_what_they_submitted(
    client: Client, assignment: Assignment, ada: Membership
) -> None:
    Assignment.objects.update(due_at=datetime.fromisoformat("2031-01-01T11:30+00:00"))
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=60)
    _received(assignment, ada)
    client.force_login(ada.person)

    page = client.get(f"/classes/{ada.course.slug}/assignments/").content.decode()

    assert "1 January 2031, 12:30" in page
    assert "submitted" in page


def test_list_asks_the_database_as_often_however_many_there_are(
    client: Client, assignment: Assignment, ada: Membership, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(ada.person)
    client.get(f"/classes/{ada.course.slug}/assignments/")  # That they were here is noted once.
    with CaptureQueriesContext(connection) as few:
        client.get(f"/classes/{ada.course.slug}/assignments/")
    for number in range(3):
        released(AssignmentFactory.create(course=ada.course, name=f"more-{number}"))

    with django_assert_num_queries(len(few)):
        client.get(f"/classes/{ada.course.slug}/assignments/")


def _place(membership: Membership) -> str:
    return f"/classes/{membership.course.slug}/assignments/given/"


def _page(client: Client, membership: Membership) -> str:
    client.force_login(membership.person)
    response = client.get(_place(membership))
    assert response.status_code == 200
    return response.content.decode()


def _bundle(content: bytes = EMPTY_NOTEBOOK) -> Bundle:
    return Bundle((File("problem1.ipynb", content),))


def _received(assignment: Assignment, membership: Membership) -> Submission:
    return receive(assignment, membership, _bundle(), way=Way.LAB, by=membership.person, now=timezone.now())
