"""What a link leads to, and where that leads whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from assignments.models import Assignment
from classes.models import Course, Lesson
from classes.policies import standing_of
from environments.models import Visibility
from lti.connections import connections_of
from lti.models import Context, ResourceLink
from lti.targets import Kind, Target, former_ids
from tests.factories import AssignmentFactory, CourseFactory, EnvironmentFactory, LessonFactory, released
from tests.lti.platforms import STUDENT, TEACHER, Browser

ID = uuid4()


# --- As parameters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [Target(Kind.COURSE), Target(Kind.LESSON, ID, "Loops “and” 🎓"), Target(Kind.ASSIGNMENT, ID, "ps1")],
)
def test_target_is_read_from_its_own_parameters(target: Target) -> None:
    assert Target.read(target.custom | {"context_memberships_url": "https://campus.example.org/"}) == target


@pytest.mark.parametrize("custom", [{}, {"carrel_kind": ""}, {"carrel_kind": "platform"}, {"carrel_id": str(ID)}])
def test_parameters_that_say_nothing_are_no_target(custom: dict[str, str]) -> None:
    assert Target.read(custom) is None


@pytest.mark.parametrize(
    ("custom", "target"),
    [
        ({"carrel_id": "$User.id"}, Target(Kind.LESSON)),
        ({"carrel_id": "../../admin"}, Target(Kind.LESSON)),
        ({"carrel_name": "a\x00b"}, Target(Kind.LESSON)),
        ({"carrel_name": "a" * 201}, Target(Kind.LESSON)),
    ],
)
def test_parameters_that_are_nonsense_are_left_out(custom: dict[str, str], target: Target) -> None:
    assert Target.read({"carrel_kind": "lesson"} | custom) == target


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ("12", ["12"]),
        ("12,7, course%2C3 ", ["12", "7", "course,3"]),
        ("$Context.id.history", []),
        ("", []),
        ("a\x00", []),
        (",".join(map(str, range(50))), [str(n) for n in range(20)]),
    ],
)
def test_history_is_what_the_platform_knows(said: str, ids: list[str]) -> None:
    assert former_ids({"carrel_context_history": said}, "carrel_context_history") == ids


# --- Where it leads -----------------------------------------------------------------------------------------


def opened(browser: Browser, target: Target, **changes: Any) -> str:
    """Where a link with this target leads."""
    response = browser.launch(custom=target.custom, **changes)
    assert response.status_code == 302, response.content.decode()
    return response["Location"]


@pytest.fixture
def homework(course: Course) -> Assignment:
    homework = AssignmentFactory.create(course=course, name="ps1")
    released(homework)
    return homework


@pytest.fixture
def lesson(course: Course) -> Lesson:
    return LessonFactory.create(course=course, title="Loops")


def words(browser: Browser, url: str) -> str:
    """The page, and what is said on it."""
    page = browser.client.get(url)
    assert page.status_code == 200
    return page.content.decode()


def test_link_leads_to_its_assignment_and_is_known_as_such(browser: Browser, homework: Assignment) -> None:
    target = Target(Kind.ASSIGNMENT, homework.pk, "ps1")

    assert opened(browser, target) == f"/classes/{homework.course.slug}/assignments/ps1/"

    link = ResourceLink.objects.get()
    assert (link.assignment, link.target) == (homework, target.custom)


def test_link_leads_to_its_lesson(browser: Browser, lesson: Lesson) -> None:
    target = Target(Kind.LESSON, lesson.pk, "Loops")

    assert opened(browser, target) == f"/classes/{lesson.course.slug}/lessons/{lesson.pk}/"


@pytest.mark.parametrize("visibility", [Visibility.EVERYONE, Visibility.GROUP])
def test_link_leads_to_its_environment(browser: Browser, course: Course, visibility: Visibility) -> None:
    group = course.everybody if visibility == Visibility.GROUP else None
    environment = EnvironmentFactory.create(visibility=visibility, group=group)

    url = opened(browser, Target(Kind.ENVIRONMENT, environment.pk))

    assert url == f"/environments/{environment.slug}/"
    assert browser.client.get(url).status_code == 200


def test_link_leads_to_the_class(browser: Browser, course: Course) -> None:
    assert opened(browser, Target(Kind.COURSE)) == f"/classes/{course.slug}/"


def test_target_wins_over_the_address(browser: Browser, homework: Assignment) -> None:
    address = f"http://localhost:8000/classes/{homework.course.slug}/lessons/"

    url = opened(browser, Target(Kind.ASSIGNMENT, homework.pk), target_link_uri=address)

    assert url.endswith("/assignments/ps1/")


def test_draft_is_not_opened_to_a_student(browser: Browser, course: Course) -> None:
    draft = AssignmentFactory.create(course=course, title="Secret draft")

    url = opened(browser, Target(Kind.ASSIGNMENT, draft.pk))

    assert url == f"/classes/{course.slug}/"
    page = words(browser, url)
    assert "What this link leads to is not open to you yet." in page
    assert "Secret draft" not in page
    assert ResourceLink.objects.get().assignment == draft


def test_draft_is_opened_to_a_teacher(browser: Browser, course: Course) -> None:
    draft = AssignmentFactory.create(course=course, name="draft")

    assert opened(browser, Target(Kind.ASSIGNMENT, draft.pk), roles=[TEACHER]).endswith("/assignments/draft/")


@pytest.mark.parametrize("published_in", [timedelta(days=1), None])
def test_lesson_that_is_not_published_is_not_opened(
    browser: Browser, course: Course, published_in: timedelta | None
) -> None:
    at = timezone.now() + published_in if published_in is not None else None
    lesson = LessonFactory.create(course=course, published_at=at)

    assert opened(browser, Target(Kind.LESSON, lesson.pk)) == f"/classes/{course.slug}/"


def test_private_environment_is_not_opened(browser: Browser, course: Course, teacher: User) -> None:
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.PRIVATE)

    url = opened(browser, Target(Kind.ENVIRONMENT, environment.pk), roles=[TEACHER])

    assert url == f"/classes/{course.slug}/"
    assert "not open to you yet" in words(browser, url)


@pytest.mark.parametrize("roles", [[STUDENT], [TEACHER]], ids=["student", "teacher"])
def test_forged_id_of_another_class_opens_nothing(browser: Browser, course: Course, roles: list[str]) -> None:
    other = AssignmentFactory.create(title="Of another class")
    released(other)

    url = opened(browser, Target(Kind.ASSIGNMENT, other.pk, other.name), roles=roles)

    assert url == f"/lti/links/{ResourceLink.objects.get().pk}/"
    assert "Of another class" not in words(browser, url)
    assert ResourceLink.objects.get().assignment is None


# --- In a copy ----------------------------------------------------------------------------------------------


@pytest.fixture
def copied(course: Course, teacher: User) -> Course:
    """Another class, which is course 202 over there."""
    copied = CourseFactory.create(title="Statistics again", owner=teacher)
    Context.objects.create(deployment=Context.objects.get().deployment, context_id="202", course=copied)
    return copied


IN_COPY = {"context": {"id": "202"}, "resource_link": {"id": "17", "title": "Loops"}}


def test_copied_link_finds_the_assignment_of_the_same_short_name(
    browser: Browser, homework: Assignment, copied: Course
) -> None:
    counterpart = AssignmentFactory.create(course=copied, name="ps1")
    released(counterpart)

    url = opened(browser, Target(Kind.ASSIGNMENT, homework.pk, "ps1"), **IN_COPY)

    assert url == f"/classes/{copied.slug}/assignments/ps1/"
    assert ResourceLink.objects.get().assignment == counterpart


def test_copied_link_finds_the_lesson_of_the_same_title(browser: Browser, lesson: Lesson, copied: Course) -> None:
    counterpart = LessonFactory.create(course=copied, title="Loops")

    url = opened(browser, Target(Kind.LESSON, lesson.pk, "Loops"), **IN_COPY)

    assert url == f"/classes/{copied.slug}/lessons/{counterpart.pk}/"


def test_copied_link_does_not_guess_between_two_lessons(browser: Browser, lesson: Lesson, copied: Course) -> None:
    LessonFactory.create_batch(2, course=copied, title="Loops")

    assert opened(browser, Target(Kind.LESSON, lesson.pk, "Loops"), **IN_COPY).startswith("/lti/links/")


def test_student_is_told_that_it_is_not_their_fault(browser: Browser, homework: Assignment, copied: Course) -> None:
    url = opened(browser, Target(Kind.ASSIGNMENT, homework.pk, "ps1"), **IN_COPY)

    page = words(browser, url)
    assert "Tell your teacher. You have done nothing wrong." in page
    assert "What you can do" not in page


def test_teacher_is_told_what_to_do_and_then_it_leads_there(
    browser: Browser, homework: Assignment, copied: Course
) -> None:
    url = opened(browser, Target(Kind.ASSIGNMENT, homework.pk, "ps1"), roles=[TEACHER], **IN_COPY)
    page = words(browser, url)
    assert "the short name <code>ps1</code>" in page

    AssignmentFactory.create(course=copied, name="ps1")

    assert browser.client.get(url)["Location"] == f"/classes/{copied.slug}/assignments/ps1/"


def test_assignment_that_was_taken_away_is_lost(browser: Browser, homework: Assignment) -> None:
    Assignment.objects.update(deleted_at=timezone.now())

    assert opened(browser, Target(Kind.ASSIGNMENT, homework.pk, "ps1")).startswith("/lti/links/")


def test_link_of_a_class_is_not_followed_from_outside_it(browser: Browser, homework: Assignment) -> None:
    opened(browser, Target(Kind.ASSIGNMENT, homework.pk, "ps1"))
    stranger = Browser(browser.lms)
    connected = Context.objects.create(
        deployment=Context.objects.get().deployment, context_id="9", course=CourseFactory.create()
    )
    stranger.launch(sub="9", context={"id": connected.context_id})

    assert stranger.client.get(f"/lti/links/{ResourceLink.objects.earliest('pk').pk}/").status_code == 404


def test_message_about_a_closed_link_is_said_once(browser: Browser, course: Course) -> None:
    draft = AssignmentFactory.create(course=course)

    response = browser.launch(custom=Target(Kind.ASSIGNMENT, draft.pk).custom)

    assert len([one for one in get_messages(response.wsgi_request) if "not open to you" in str(one)]) == 1


# --- What teachers see of it --------------------------------------------------------------------------------


def test_links_of_a_class_are_found_in_a_few_questions(
    browser: Browser, course: Course, teacher: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        one = AssignmentFactory.create(course=course, name=f"ps{number}")
        opened(browser, Target(Kind.ASSIGNMENT, one.pk), resource_link={"id": str(number)})
    standing = standing_of(teacher, course)
    assert standing is not None

    with django_assert_max_num_queries(6):
        (connection,) = connections_of(standing, now=timezone.now())

    assert len(connection.links) == 12
    assert {link.leads_to.title for link in connection.links} == {one.title for one in Assignment.objects.all()}


def test_links_that_were_opened_last_are_shown_of_each_course(
    browser: Browser, course: Course, teacher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.connections.MAX_LINKS", 2)
    other = Context.objects.create(deployment=Context.objects.get().deployment, context_id="2", course=course)
    for context_id, numbers in (("101", (1, 2, 3)), (other.context_id, (4,))):
        for number in numbers:
            browser.launch(resource_link={"id": str(number)}, context={"id": context_id})
    standing = standing_of(teacher, course)
    assert standing is not None

    connections = connections_of(standing, now=timezone.now())

    shown = {one.context.context_id: [link.row.resource_link_id for link in one.links] for one in connections}
    assert shown == {"101": ["3", "2"], "2": ["4"]}
    assert [one.people for one in connections] == [1, 1]
