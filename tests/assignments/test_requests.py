"""Students ask about points of a cell, and those who grade answer, change or keep them, and close."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.grading.gradebook import publish_grades, take_over
from assignments.grading.points import CellKey
from assignments.models import Assignment, Grade, RegradeMessage, RegradeRequest, Submission, Way
from assignments.returning import requests
from assignments.returning.requests import answer, close, open_request, requests_in, threads
from assignments.submitting.submissions import receive
from classes.models import Membership, Role
from tests.assignments.grading_rows import CELLS, graded_by
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

CELL = CellKey("problem1", "tests")
State = RegradeRequest.State


@pytest.fixture
def submission(now: datetime) -> Submission:
    """Ada's, graded with one point of two for its tests, and published by her teacher."""
    assignment = AssignmentFactory.create(name="given")
    released(assignment, cells=CELLS)
    ada, teacher = member(assignment.course, "ada"), member(assignment.course, "teacher", Role.TEACHER)
    ada.person.display_name = "Ada Lovelace"  # Nothing that a token could have in it by chance.
    ada.person.save()
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    submission = receive(assignment, ada, bundle, way=Way.LAB, by=ada.person, now=now)
    autograding = graded_by(submission, 1)
    autograding.bundle = artefacts.keep(bundle.tar)
    autograding.save()
    take_over(autograding, now=now)
    publish_grades(assignment, None, by=teacher.person, now=now)
    return submission


def test_asking_again_stays_in_one_thread(submission: Submission, now: datetime) -> None:
    ada = _who(submission, "ada").person

    first = open_request(submission, CELL, "Why?", by=ada, now=now)
    second = open_request(submission, CELL, "And why?", by=ada, now=now)

    assert first == second
    assert [message.text for message in first.messages.all()] == ["Why?", "And why?"]


@pytest.mark.parametrize(
    ("cell", "words", "code"),
    [(CELL, " ", "request_empty"), (CellKey("problem1", "other"), "Why?", "request_cell_unknown")],
)
def test_asking_nothing_or_of_nothing_is_refused(
    submission: Submission, now: datetime, cell: CellKey, words: str, code: str
) -> None:
    with pytest.raises(AssignmentError) as raised:
        open_request(submission, cell, words, by=_who(submission, "ada").person, now=now)

    assert raised.value.code == code


def test_student_cannot_fill_the_pages_of_those_who_grade(
    submission: Submission, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_MESSAGES", 2)
    ada, teacher = _who(submission, "ada").person, _who(submission, "teacher").person
    asked = open_request(submission, CELL, "Why?", by=ada, now=now)
    open_request(submission, CELL, "Well?", by=ada, now=now)

    with pytest.raises(AssignmentError, match="request_full"):
        open_request(submission, CELL, "Why?", by=ada, now=now)

    answer(asked, "Because.", by=teacher, now=now)
    assert asked.messages.count() == 3


def test_closing_with_points_changes_them(submission: Submission, now: datetime) -> None:
    asked, teacher = _asked(submission, now)

    close(asked, points=Decimal(2), words="You are right", by=teacher, now=now)

    asked.refresh_from_db()
    assert (asked.state, asked.closed_by) == (State.CHANGED.value, teacher)
    assert Grade.objects.get().points == 2
    assert submission.changes.last().why == "You are right"  # type: ignore[union-attr]


def test_closing_without_points_keeps_them(submission: Submission, now: datetime) -> None:
    asked, teacher = _asked(submission, now)

    close(asked, points=None, by=teacher, now=now)

    asked.refresh_from_db()
    assert asked.state == State.KEPT
    assert Grade.objects.get().points == 1


@pytest.mark.parametrize("points", [Decimal(3), Decimal(-1), Decimal("NaN")], ids=str)
def test_points_the_cell_cannot_have_change_nothing(submission: Submission, now: datetime, points: Decimal) -> None:
    asked, teacher = _asked(submission, now)

    with pytest.raises(AssignmentError) as raised:
        close(asked, points=points, words="Here", by=teacher, now=now)

    asked.refresh_from_db()
    assert (raised.value.code, asked.state) == ("request_points_invalid", State.OPEN)
    assert RegradeMessage.objects.count() == 1


def test_what_is_closed_stays_closed(submission: Submission, now: datetime) -> None:
    asked, teacher = _asked(submission, now)
    close(asked, points=None, by=teacher, now=now)

    with pytest.raises(AssignmentError) as raised:
        answer(asked, "One more thing", by=teacher, now=now)

    assert raised.value.code == "request_closed"


def test_thread_goes_through_the_page(client: Client, submission: Submission) -> None:
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/"
    page = f"{place}submissions/{submission.pk}/feedback/"
    client.force_login(_who(submission, "ada").person)
    client.post(
        f"{place}submissions/{submission.pk}/ask/", {"notebook": "problem1", "cell": "tests", "text": "<b>Why?</b>"}
    )
    asked = RegradeRequest.objects.get()
    client.force_login(_who(submission, "teacher").person)
    client.post(f"{place}requests/{asked.pk}/", {"text": "Right", "ends": "changed", "points": "1,5"})

    words = client.get(page).content.decode()

    assert Grade.objects.get().points == Decimal("1.5")
    assert "&lt;b&gt;Why?" in words
    assert "Points changed" in words


def test_answer_beside_new_points_says_that_they_stay(client: Client, submission: Submission, now: datetime) -> None:
    asked, teacher = _asked(submission, now)
    client.force_login(teacher)
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/requests/"

    page = client.post(f"{place}{asked.pk}/", {"text": "You are right", "points": "2"}, follow=True)

    assert "The points stay until you press the button for it." in page.text
    assert Grade.objects.get().points == Decimal(1)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ("changed", "The student sees them once grades are published again."),
        ("kept", "Closed: the points stay as they are."),
        ("", "Your answer is sent."),
    ],
)
def test_page_says_what_came_of_an_answer(
    client: Client, submission: Submission, now: datetime, ends: str, words: str
) -> None:
    asked, teacher = _asked(submission, now)
    client.force_login(teacher)
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/requests/"
    points = "2" if ends == "changed" else ""

    page = client.post(f"{place}{asked.pk}/", {"text": "I see", "ends": ends, "points": points}, follow=True)

    assert words in page.text


def test_student_is_told_where_the_answer_will_be(client: Client, submission: Submission) -> None:
    client.force_login(_who(submission, "ada").person)
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/submissions/{submission.pk}/"

    page = client.post(f"{place}ask/", {"notebook": "problem1", "cell": "tests", "text": "Why?"}, follow=True)

    assert "Sent to those who grade." in page.text


def test_student_adds_to_a_question_and_is_refused_at_the_feedback(client: Client, submission: Submission) -> None:
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/submissions/{submission.pk}/"
    client.force_login(_who(submission, "ada").person)
    asked = {"notebook": "problem1", "cell": "tests"}
    client.post(f"{place}ask/", asked | {"text": "Why?"})

    client.post(f"{place}ask/", asked | {"text": "And look at line two."})
    refused = client.post(f"{place}ask/", asked | {"text": " "}, follow=True)

    page = refused.content.decode()
    assert refused.redirect_chain == [(f"{place}feedback/", 302)]
    assert "Nothing was written." in page
    assert "And look at line two." in page
    assert "Open" in page


def test_open_questions_are_listed_with_their_threads(client: Client, submission: Submission, now: datetime) -> None:
    _asked(submission, now)
    client.force_login(_who(submission, "teacher").person)
    work = f"/classes/{submission.assignment.course.slug}/assignments/"

    pages = [client.get(work + place).content.decode() for place in ("given/requests/", "-/requests/")]

    assert all("Why?" in page and "Ada" in page and "(1 of 2 now)" in page for page in pages)


def test_question_is_answered_and_closed_in_the_list(client: Client, submission: Submission, now: datetime) -> None:
    asked, teacher = _asked(submission, now)
    client.force_login(teacher)
    place = f"/classes/{submission.assignment.course.slug}/assignments/given/requests/"

    answered = client.post(f"{place}{asked.pk}/", {"text": "No", "ends": "kept", "list": "assignment"})

    assert answered["Location"] == place
    assert "Why?" not in client.get(place).content.decode()
    assert "Why?" in client.get(place, {"show": "closed"}).content.decode()


@pytest.mark.parametrize(
    ("shown_in", "place"),
    [("course", "-/requests/"), ("assignment", "given/requests/"), ("", "given/submissions/{pk}/feedback/")],
)
def test_question_that_cannot_be_closed_so_says_why_where_it_was_answered(
    client: Client, submission: Submission, now: datetime, shown_in: str, place: str
) -> None:
    asked, teacher = _asked(submission, now)
    client.force_login(teacher)
    assignments = f"/classes/{submission.assignment.course.slug}/assignments/"

    data = {"ends": "changed", "points": "7", "list": shown_in}
    answered = client.post(f"{assignments}given/requests/{asked.pk}/", data)

    assert answered["Location"] == assignments + place.format(pk=submission.pk)
    assert "Give a number between 0 and 2." in client.get(answered["Location"]).content.decode()


def test_list_hides_names_where_graders_see_none(client: Client, submission: Submission, now: datetime) -> None:
    _asked(submission, now)
    Assignment.objects.update(is_anonymous=True)
    client.force_login(member(submission.assignment.course, "grader", Role.GRADER).person)
    place = f"/classes/{submission.assignment.course.slug}/assignments/-/requests/"

    words = client.get(place).content.decode()

    assert "Why?" in words
    assert "Lovelace" not in words


def test_list_asks_as_much_for_few_as_for_many(
    submission: Submission, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ada = _who(submission, "ada").person
    for cell in (CELL, CellKey("problem1", "answer")):
        open_request(submission, cell, "Why?", by=ada, now=now)

    with django_assert_num_queries(4):
        assert len(threads(requests_in(submission.assignment.course))) == 2


def _asked(submission: Submission, now: datetime) -> tuple[RegradeRequest, User]:
    asked = open_request(submission, CELL, "Why?", by=_who(submission, "ada").person, now=now)
    return asked, _who(submission, "teacher").person


def _who(submission: Submission, username: str) -> Membership:
    return submission.assignment.course.memberships.get(person__username=username)
