"""The page of the comments that graders use again: what it lists, and who may put right or remove which."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from assignments.grading.rubrics import save_comment
from assignments.models import SavedComment, Submission
from classes.models import Course, Role
from tests.assignments.marked import graded, to_be_graded
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db

QUERY = "?notebook=problem1&cell=essay&by=problem"


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, slug="biology")
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def grader(course: Course, client: Client) -> User:
    """Signed in."""
    person = member(course, "grader", Role.GRADER).person
    client.force_login(person)
    return person


@pytest.fixture
def page(course: Course, now: datetime) -> str:
    """Where the page is, as it is come to from an answer."""
    submission = graded(to_be_graded(course=course, name="homework"), member(course, "zebulon"), now=now)
    return f"{answer_at(submission)}kept-comments/{QUERY}"


def answer_at(submission: Submission) -> str:
    return f"/classes/biology/assignments/homework/grading/{submission.pk}/"


def keep(course: Course, text: str, by: User) -> SavedComment:
    return save_comment(course, text=text, by=by, now=timezone.now())


def test_answer_leads_to_the_page_and_back(client: Client, course: Course, grader: User, page: str) -> None:
    keep(course, "Say why.", grader)
    answer = page.replace("kept-comments/", "")

    there, back = client.get(answer).content.decode(), client.get(page).content.decode()

    assert page.replace("&", "&amp;") in there
    assert answer.replace("&", "&amp;") in back


def test_own_one_is_changed(client: Client, course: Course, grader: User, page: str) -> None:
    kept = keep(course, "Say wyh.", grader)

    answer = client.post(page, {"kept": str(kept.pk), "text": " Say why. ", "do": "change"})

    kept.refresh_from_db()
    assert (answer["Location"], kept.text) == (page, "Say why.")


def test_own_one_is_removed(client: Client, course: Course, grader: User, page: str) -> None:
    kept = keep(course, "Say why.", grader)

    told = client.post(page, {"kept": str(kept.pk), "do": "remove"}, follow=True).content.decode()

    assert "Where it was given, it stays." in told
    assert not SavedComment.objects.exists()


@pytest.mark.parametrize("do", ["change", "remove"])
def test_one_of_another_is_left_alone_and_told(
    client: Client, course: Course, teacher: User, grader: User, page: str, do: str
) -> None:
    kept = keep(course, "Say why.", teacher)

    told = client.post(page, {"kept": str(kept.pk), "text": "No.", "do": do}, follow=True).content.decode()

    assert "Somebody else has kept this comment." in told
    assert f"text-{kept.pk}" not in told
    assert SavedComment.objects.get().text == "Say why."


def test_teacher_changes_those_of_others(
    client: Client, course: Course, teacher: User, grader: User, page: str
) -> None:
    kept = keep(course, "Say why.", grader)
    client.force_login(teacher)

    client.post(page, {"kept": str(kept.pk), "text": "Why?", "do": "change"})

    assert SavedComment.objects.get().text == "Why?"


@pytest.mark.parametrize(("text", "said"), [(" ", "There is nothing"), ("Say how.", "reads exactly so")])
def test_words_that_cannot_be_kept_are_refused(
    client: Client, course: Course, grader: User, page: str, text: str, said: str
) -> None:
    kept = keep(course, "Say why.", grader)
    keep(course, "Say how.", grader)

    told = client.post(page, {"kept": str(kept.pk), "text": text, "do": "change"}, follow=True).content.decode()

    kept.refresh_from_db()
    assert said in told
    assert kept.text == "Say why."


def test_one_of_another_class_is_not_found(client: Client, grader: User, page: str) -> None:
    elsewhere = keep(CourseFactory.create(), "Say why.", grader)

    answer = client.post(page, {"kept": str(elsewhere.pk), "do": "remove"})

    assert answer.status_code == 404


def test_removed_one_is_not_said_from_a_page_that_has_it_still(client: Client, grader: User, page: str) -> None:
    comments = page.replace("kept-comments", "comments")
    about = {"notebook": "problem1", "cell": "essay", "at": "essay"}

    told = client.post(
        comments, {**about, "saved": "00000000-0000-4000-8000-000000000000"}, follow=True
    ).content.decode()

    assert "not kept any more, so nothing was said" in told


def test_class_that_is_over_keeps_its_comments(client: Client, course: Course, grader: User, page: str) -> None:
    kept = keep(course, "Say why.", grader)
    course.archived_at = timezone.now()
    course.save()

    answer = client.post(page, {"kept": str(kept.pk), "do": "remove"})

    assert answer.status_code == 403
    assert f"text-{kept.pk}" not in client.get(page).content.decode()


def test_page_asks_as_much_for_few_as_for_many(client: Client, course: Course, grader: User, page: str) -> None:
    keep(course, "Say why.", grader)
    client.get(page)
    few = queries_of(client, page)
    for number in range(8):
        keep(course, f"Say {number}.", member(course, f"grader-{number}", Role.GRADER).person)

    assert queries_of(client, page) == few


def queries_of(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return len(queries)
