"""A teacher sees how far grades are, and sends them again; a student sees how far theirs is."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignments.grading.destinations import Stage, deliveries_of
from assignments.grading.gradebook import publish_grades
from classes.models import Role
from lti.models import LineItem, LtiPerson, Outlet, Score
from tests.assignments.marked import graded, to_be_graded
from tests.factories import member
from tests.lti.graded import Lectures

STATES = "/lti/grades/computing/loops/"


@pytest.fixture
def lead(lectures: Lectures, client: Client) -> Client:
    """A teacher of the class, signed in."""
    client.force_login(lectures.teacher)
    return client


def page_of(client: Client, path: str = STATES) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_says_what_is_there(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada", 8.5)
    lectures.send()

    page = page_of(lead)

    assert "Grades in Pretend University" in page
    assert "8.5 / 10" in page


def test_page_says_why_a_grade_was_not_taken(lectures: Lectures, lead: Client) -> None:
    lectures.grade(lectures.student("gone", sub="9999"), 3)
    lectures.publish()
    lectures.send()

    assert "takes no grade for this person" in page_of(lead)


def test_page_says_that_the_platform_does_not_answer(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    Outlet.objects.update(failure_code="grades_unanswered", failures=5)

    assert "does not answer at the moment" in page_of(lead)


def test_page_says_that_a_column_is_gone(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    LineItem.objects.update(state=LineItem.State.GONE, failure_code="column_gone")

    page = page_of(lead)

    assert "no longer in the gradebook" in page
    assert "Make the column anew" in page


def test_page_shows_those_of_one_kind(lectures: Lectures, lead: Client) -> None:
    lectures.grade(lectures.student("gone", sub="9999"), 3)
    lectures.grade(lectures.student("ada"), 8)
    lectures.publish()
    lectures.send()

    page = page_of(lead, f"{STATES}?show=not-taken")

    assert "Gone" in page
    assert "Ada" not in page


def test_page_counts_whom_nothing_is_sent_of(lectures: Lectures, lead: Client) -> None:
    lectures.grade(lectures.student("ada"), 8, needs_manual=1)
    lectures.grade(member(lectures.course, "local"), 8)
    lectures.publish()

    page = page_of(lead)

    assert "1 published grade is not final yet" in page
    assert "1 student with a published grade has never come from there" in page


def test_class_without_a_platform_is_told_how(lectures: Lectures, lead: Client) -> None:
    lectures.context.delete()

    assert "No course of a learning platform is this class" in page_of(lead)


def test_page_costs_as_many_queries_for_many(lectures: Lectures, lead: Client) -> None:
    def queries_with(count: int) -> int:
        for _each in range(count):
            name = f"s{LtiPerson.objects.count()}"
            lectures.grade(lectures.student(name, sub=name), 5)
        lectures.clock.pass_(minutes=1)
        lectures.publish()
        Score.objects.update(failure_code="grades_unanswered")
        with CaptureQueriesContext(connection) as queries:
            page_of(lead)
        return len(queries)

    page_of(lead)
    few, many = queries_with(2), queries_with(20)

    assert many == few


def test_one_is_sent_again(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()

    lead.post(f"{STATES}scores/{lectures.score('ada').pk}/send/")

    assert lectures.score("ada").state == Score.State.WAITING


def test_one_with_more_points_over_there_is_not_sent_before_it_was_seen(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()
    number = int(lectures.columns()[0]["id"])
    lectures.campus.lms.do("override", column=number, username="ada", grade=9.5)

    answer = lead.post(f"{STATES}scores/{lectures.score('ada').pk}/send/", follow=True)

    assert lectures.score("ada").state == Score.State.SENT
    page = answer.content.decode()
    assert "More points stand there than here" in page
    assert "9.5 / 10" in page


def test_one_is_sent_all_the_same_once_it_was_seen(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()
    lectures.campus.lms.do("override", column=int(lectures.columns()[0]["id"]), username="ada", grade=9.5)

    lead.post(f"{STATES}scores/{lectures.score('ada').pk}/send/", {"even": "lower"})

    assert lectures.score("ada").state == Score.State.WAITING


def test_all_that_differ_are_sent(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()
    lectures.campus.lms.do("override", column=int(lectures.columns()[0]["id"]), username="ada", grade=2)
    compare = f"{STATES}columns/{lectures.column.pk}/"

    page = page_of(lead, compare)
    lead.post(compare, {"which": "behind"})

    assert "Send the 1 that is missing or lower" in page
    assert lectures.score("ada").state == Score.State.WAITING


def test_nothing_that_differs_is_said(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()

    assert "All is the same in Pretend University" in page_of(lead, f"{STATES}columns/{lectures.column.pk}/")


def test_platform_that_does_not_answer_is_explained(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    lectures.send()
    lectures.campus.lms.do("answer", path=".*/results", status=503)
    compare = f"{STATES}columns/{lectures.column.pk}/"

    answer = lead.post(compare, {"which": "all"})

    assert "does not answer at the moment" in page_of(lead, compare)
    assert answer.status_code == 503


def test_column_that_is_gone_is_made_anew(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    LineItem.objects.update(state=LineItem.State.GONE, url="https://lms.test/1", failure_code="column_gone")

    lead.post(f"{STATES}columns/{lectures.column.pk}/again/")

    assert (lectures.column.state, lectures.column.url) == (LineItem.State.OPEN, "")


def test_column_that_was_given_up_is_tried_again(lectures: Lectures, lead: Client) -> None:
    lectures.graded("ada")
    LineItem.objects.update(state=LineItem.State.LOCKED, failures=18, failure_code="column_locked")

    lead.post(f"{STATES}columns/{lectures.column.pk}/again/")

    assert (lectures.column.state, lectures.column.failures) == (LineItem.State.OPEN, 0)


# --- From the pages of assignments -------------------------------------------------------------------------


def test_assignment_leads_to_it(lectures: Lectures, lead: Client) -> None:
    assert STATES in page_of(lead, "/classes/computing/assignments/loops/")


def test_grader_is_not_led_to_it(lectures: Lectures, client: Client) -> None:
    client.force_login(member(lectures.course, "toby", Role.GRADER).person)

    assert STATES not in page_of(client, "/classes/computing/assignments/loops/")


def test_assignment_of_a_class_without_a_platform_leads_nowhere(lectures: Lectures, lead: Client) -> None:
    lectures.context.delete()

    assert "Grades in" not in page_of(lead, "/classes/computing/assignments/loops/")


def test_student_reads_how_far_their_grade_is(lectures: Lectures, client: Client, now: datetime) -> None:
    assignment = to_be_graded(course=lectures.course, name="essay")
    membership = lectures.student("ada")
    submission = graded(assignment, membership, now=now)
    assignment.grades.update(needs_manual=0)
    publish_grades(assignment, None, by=lectures.teacher, now=lectures.clock())
    client.force_login(membership.person)
    feedback = f"/classes/computing/assignments/essay/submissions/{submission.pk}/feedback/"

    before = page_of(client, feedback)
    lectures.send()
    after = page_of(client, feedback)

    assert "Your grade is on its way" in before
    assert "Your grade is there since" in after


@pytest.mark.parametrize(
    ("state", "column", "stage"),
    [
        ("waiting", "open", Stage.ON_ITS_WAY),
        ("sending", "open", Stage.ON_ITS_WAY),
        ("sent", "open", Stage.THERE),
        ("sent", "locked", Stage.THERE),
        ("refused", "open", Stage.UNDELIVERED),
        ("waiting", "gone", Stage.UNDELIVERED),
        ("waiting", "locked", Stage.UNDELIVERED),
    ],
)
def test_student_is_told(lectures: Lectures, state: str, column: str, stage: Stage) -> None:
    score = lectures.graded("ada")
    Score.objects.update(state=state)
    LineItem.objects.update(state=column)

    (delivery,) = deliveries_of(score.grade)

    assert (delivery.name, delivery.stage) == ("Pretend University", stage)


def test_student_is_told_nothing_of_a_column_that_was_taken_away(lectures: Lectures) -> None:
    score = lectures.graded("ada")
    Score.objects.update(state=Score.State.SENT)
    LineItem.objects.update(state=LineItem.State.GONE)

    assert deliveries_of(score.grade) == []
