"""Courses of platforms, the classes they become, and what people are in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from classes.members import admit, change_role, remove
from classes.models import Course, Joined, Membership, Role
from lti.claims import GRADE_SERVICE, ROSTER_SERVICE
from lti.models import Context, LtiPerson, Platform, ResourceLink
from tests.factories import CourseFactory
from tests.lti.platforms import MEMBERSHIP, STUDENT, TEACHER, Browser

ASSISTANT = f"{MEMBERSHIP}/Instructor#TeachingAssistant"
NEW_CLASS = {"title": "Statistics", "repository": "https://github.com/carrel-tests/class"}


def membership_of(course: Course) -> Membership:
    """Of whoever the platform sends."""
    return course.memberships.get(person=LtiPerson.objects.get().user)


# --- A course that is a class -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "role"), [([STUDENT], Role.STUDENT), ([TEACHER, ASSISTANT], Role.GRADER), ([TEACHER], Role.TEACHER)]
)
def test_launch_ends_on_the_class_page_with_the_role_of_the_course(
    browser: Browser, course: Course, roles: list[str], role: Role
) -> None:
    response = browser.launch(roles=roles)

    page = browser.client.get(response["Location"])
    assert page.status_code == 200
    assert "Statistics" in page.content.decode()
    membership = membership_of(course)
    assert (membership.role, membership.joined_by) == (role, Joined.LTI)


def test_launch_ends_on_the_page_the_platform_names(browser: Browser, course: Course) -> None:
    target = f"http://localhost:8000/classes/{course.slug}/lessons/"

    assert browser.launch(target_link_uri=target)["Location"] == f"/classes/{course.slug}/lessons/"


@pytest.mark.parametrize("path", ["/admin/", "/classes/other/", "/classes/{slug}/../../admin/"])
def test_page_outside_the_class_is_not_led_to(browser: Browser, course: Course, path: str) -> None:
    target = f"http://localhost:8000{path.format(slug=course.slug)}"

    assert browser.launch(target_link_uri=target)["Location"] == f"/classes/{course.slug}/"


def test_launch_notes_the_course_and_the_place_in_it(browser: Browser, course: Course) -> None:
    browser.launch()

    context, link = Context.objects.get(), ResourceLink.objects.get()
    assert (context.title, context.label) == ("Statistics", "STAT")
    assert (link.context, link.resource_link_id, link.title) == (context, "7", "First steps")


def test_role_follows_the_platform(browser: Browser, course: Course) -> None:
    browser.launch(roles=[STUDENT])

    browser.launch(roles=[TEACHER, ASSISTANT])
    assert membership_of(course).role == Role.GRADER

    browser.launch(roles=[STUDENT])
    assert membership_of(course).role == Role.STUDENT


@pytest.mark.parametrize("sent", [[STUDENT], [TEACHER]], ids=["lower", "higher"])
def test_role_chosen_here_stays(browser: Browser, course: Course, sent: list[str]) -> None:
    browser.launch(roles=[TEACHER])
    change_role(membership_of(course), Role.GRADER, now=timezone.now())

    browser.launch(roles=sent)

    assert membership_of(course).role == Role.GRADER


@pytest.mark.parametrize("roles", [[], [STUDENT]])
def test_member_of_before_is_what_they_were(browser: Browser, course: Course, roles: list[str]) -> None:
    grader = User.objects.create(username="grader")
    LtiPerson.objects.create(platform=Platform.objects.get(), sub="42", user=grader)
    admit(course, grader, role=Role.GRADER, now=timezone.now())

    response = browser.launch(roles=roles)

    assert response["Location"] == f"/classes/{course.slug}/"
    assert membership_of(course).role == Role.GRADER


def test_last_teacher_of_a_class_stays_one(browser: Browser, course: Course, teacher: User) -> None:
    browser.launch(roles=[TEACHER])
    remove(course.memberships.get(person=teacher), now=timezone.now())

    response = browser.launch(roles=[STUDENT])

    assert response.status_code == 302
    assert membership_of(course).role == Role.TEACHER


def test_whoever_a_teacher_put_out_stays_out(browser: Browser, course: Course, teacher: User) -> None:
    browser.launch()
    remove(membership_of(course), by=teacher, now=timezone.now())

    response = browser.launch()

    assert response.status_code == 403
    assert not membership_of(course).is_present


def test_whoever_left_comes_back(browser: Browser, course: Course) -> None:
    browser.launch()
    remove(membership_of(course), now=timezone.now())

    browser.launch()

    assert membership_of(course).is_present


def test_class_that_is_over_lets_nobody_new_in(browser: Browser, course: Course) -> None:
    Course.objects.update(archived_at=timezone.now())

    response = browser.launch()

    assert response.status_code == 409
    assert LtiPerson.objects.count() == 0


def test_class_that_is_over_can_be_looked_at(browser: Browser, course: Course) -> None:
    browser.launch()
    Course.objects.update(archived_at=timezone.now())

    response = browser.launch(roles=[TEACHER])

    assert response.status_code == 302
    assert membership_of(course).role == Role.STUDENT


def test_deleted_class_is_said_to_be_so(browser: Browser, course: Course) -> None:
    browser.launch()
    Course.objects.update(deleted_at=timezone.now() - timedelta(days=1))

    response = browser.launch()

    assert response.status_code == 409
    assert "was deleted" in response.content.decode()


def test_teacher_there_is_a_student_elsewhere(browser: Browser, course: Course, teacher: User) -> None:
    other = CourseFactory.create(owner=teacher)
    Context.objects.create(deployment=Context.objects.get().deployment, context_id="202", course=other)
    browser.launch(roles=[TEACHER])

    browser.launch(roles=[STUDENT], context={"id": "202"})

    assert membership_of(course).role == Role.TEACHER
    assert membership_of(other).role == Role.STUDENT


# --- A course that is none yet ------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [[STUDENT], [ASSISTANT], []], ids=["student", "assistant", "nobody"])
def test_only_its_teacher_begins_with_a_course(browser: Browser, roles: list[str]) -> None:
    response = browser.launch(roles=roles)

    assert response.status_code == 403
    assert "The course “Statistics” has no class here yet." in response.content.decode()
    assert (LtiPerson.objects.count(), Context.objects.count()) == (0, 0)


def connecting(browser: Browser, **changes: Any) -> str:
    """The page on which a teacher says which class it is."""
    response = browser.launch(roles=[TEACHER], **changes)
    context = Context.objects.get()
    assert response["Location"] == f"/lti/courses/{context.pk}/"
    return response["Location"]


def test_teacher_is_asked_which_class_it_is(browser: Browser) -> None:
    page = browser.client.get(connecting(browser)).content.decode()

    assert "“Statistics” has no class here yet" in page
    assert 'value="Statistics"' in page
    assert Course.objects.count() == 0


def test_teacher_makes_the_course_a_class(browser: Browser, fake_backends: None, monkeypatch: Any) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    url = connecting(browser)

    response = browser.client.post(url, NEW_CLASS)

    course = Course.objects.get()
    assert response["Location"] == f"/classes/{course.slug}/"
    assert Context.objects.get().course == course
    assert membership_of(course).role == Role.TEACHER
    assert course.owner.role == "member"
    browser.launch(roles=[STUDENT], sub="43")
    assert course.memberships.count() == 2


def test_teacher_connects_a_class_they_have(browser: Browser) -> None:
    url = connecting(browser)
    user = LtiPerson.objects.get().user
    course = CourseFactory.create(owner=user)
    admit(course, user, role=Role.TEACHER, now=timezone.now())
    assert course.title in browser.client.get(url).content.decode()

    response = browser.client.post(f"{url}class/", {"course": course.slug})

    assert response["Location"] == f"/classes/{course.slug}/"
    assert Context.objects.get().course == course


@pytest.mark.parametrize("role", [None, Role.STUDENT, Role.GRADER])
def test_class_of_somebody_else_is_not_connected(browser: Browser, teacher: User, role: Role | None) -> None:
    url = connecting(browser)
    course = CourseFactory.create(owner=teacher)
    if role is not None:
        admit(course, LtiPerson.objects.get().user, role=role, now=timezone.now())

    response = browser.client.post(f"{url}class/", {"course": course.slug})

    assert response.status_code == 404
    assert Context.objects.get().course is None


def test_course_is_connected_once(browser: Browser, teacher: User) -> None:
    url = connecting(browser)
    user = LtiPerson.objects.get().user
    first, second = CourseFactory.create(owner=user), CourseFactory.create(owner=user)
    for course in (first, second):
        admit(course, user, role=Role.TEACHER, now=timezone.now())
    browser.client.post(f"{url}class/", {"course": first.slug})

    response = browser.client.post(f"{url}class/", {"course": second.slug})

    assert response.status_code == 409
    assert Context.objects.get().course == first


def test_somebody_who_teaches_there_no_more_does_not_connect(browser: Browser) -> None:
    url = connecting(browser)

    browser.launch(roles=[STUDENT])

    Context.objects.get().enrolments.update(role=Role.STUDENT)
    assert browser.client.get(url).status_code == 404


def test_platform_whose_teachers_make_no_classes(browser: Browser) -> None:
    Platform.objects.update(are_classes_made=False)
    url = connecting(browser)

    page = browser.client.get(url)

    assert "do not make classes here" in page.content.decode()
    assert browser.client.post(url, NEW_CLASS).status_code == 403
    assert Course.objects.count() == 0


def test_same_course_id_of_another_deployment_is_another_course(browser: Browser, course: Course) -> None:
    Platform.objects.get().deployments.create(deployment_id="2")

    response = browser.launch(deployment_id="2", roles=[STUDENT])

    assert response.status_code == 403
    assert "has no class here yet" in response.content.decode()


# --- Where the platform can be asked ------------------------------------------------------------------------

GRADES = {"scope": ["score"], "lineitems": "https://lms.test/items", "lineitem": "https://lms.test/items/1"}
ROSTER = {"context_memberships_url": "https://lms.test/people"}
SERVICES: dict[str, Any] = {GRADE_SERVICE: GRADES, ROSTER_SERVICE: ROSTER}


def test_launch_of_anybody_notes_where_the_platform_can_be_asked(browser: Browser, course: Course) -> None:
    browser.launch(roles=[STUDENT], **SERVICES)

    context, link = Context.objects.get(), ResourceLink.objects.get()
    assert context.memberships_url == "https://lms.test/people"
    assert (context.line_items_url, context.scopes) == ("https://lms.test/items", ["score"])
    assert link.line_item_url == "https://lms.test/items/1"


def test_launch_that_names_no_services_takes_none_away(browser: Browser, course: Course) -> None:
    browser.launch(roles=[STUDENT], **SERVICES)

    browser.launch(roles=[STUDENT])

    assert Context.objects.get().memberships_url == "https://lms.test/people"
    assert ResourceLink.objects.get().line_item_url == "https://lms.test/items/1"
