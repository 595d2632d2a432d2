"""Every page of learning platforms, and what a stranger and each member get. A new page must be added here.

The teacher is one by their platform's word too; what a page does with a valid message is in `tests/lti/`.
"""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from classes.models import Course, Role
from lti.contexts import enrol
from lti.models import Context, LtiPerson, Platform
from lti.targets import Kind, Target
from lti.urls import urlpatterns
from tests.architecture.members_pages import (
    PERSONS,
    SIGN_IN,
    Page,
    check_answer,
    check_answer_to_whoever_runs_the_site,
    each_of,
)
from tests.architecture.test_access_table_of_platform_grades import GRADE_PAGES
from tests.factories import CourseFactory, member

PAGES = [
    # Without what a platform says.
    Page("login", "/lti/login/", "get", 400, 400, 400, 400, 400),
    Page("login", "/lti/login/", "post", 400, 400, 400, 400, 400),
    Page("launch", "/lti/launch/", "get", 405, 405, 405, 405, 405),
    Page("launch", "/lti/launch/", "post", 401, 401, 401, 401, 401),
    Page("keys", "/lti/keys.json", "get", 200, 200, 200, 200, 200),
    Page("register", "/lti/register/", "get", 400, 400, 400, 400, 400),
    Page("register", "/lti/register/", "post", 400, 400, 400, 400, 400),
    Page("join", "/lti/join/", "get", SIGN_IN, 200, 200, 200, 200),
    # In a browser that did not come from a platform.
    Page("join", "/lti/join/", "post", SIGN_IN, 409, 409, 409, 401, administrator=409),
    Page("join-confirm", "/lti/join/made-up/", "get", SIGN_IN, 401, 401, 401, 401),
    Page("join-confirm", "/lti/join/made-up/", "post", SIGN_IN, 401, 401, 401, 401),
    Page("context-connect", "/lti/courses/{context}/", "get", SIGN_IN, 404, 404, 404, 200, administrator=404),
    Page("context-connect", "/lti/courses/{context}/", "post", SIGN_IN, 404, 404, 404, 422, administrator=404),
    # Of a platform that leads to no account of theirs.
    Page("account-unlink", "/lti/account/0/disconnect/", "get", SIGN_IN, 404, 404, 404, 404),
    Page("account-unlink", "/lti/account/0/disconnect/", "post", SIGN_IN, 404, 404, 404, 404),
    # Of those who run the site.
    Page("account-merge", "/lti/accounts/merge/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("account-merge", "/lti/accounts/merge/", "post", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("audit", "/lti/audit/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    # To no class of theirs.
    Page("context-connect-to", "/lti/courses/{context}/class/", "post", SIGN_IN, 404, 404, 404, 404),
    # For whoever runs this Carrel.
    Page("platform-list", "/lti/platforms/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("platform-add", "/lti/platforms/new/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("platform-add", "/lti/platforms/new/", "post", SIGN_IN, 403, 403, 403, 403, administrator=422),
    Page("platform-detail", "/lti/platforms/{platform}/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("platform-change", "/lti/platforms/{platform}/change/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page(
        "platform-change", "/lti/platforms/{platform}/change/", "post", SIGN_IN, 403, 403, 403, 403, administrator=422
    ),
    Page(
        "platform-switch", "/lti/platforms/{platform}/switch/", "post", SIGN_IN, 403, 403, 403, 403, administrator=404
    ),
    Page("platform-switch", "/lti/platforms/{platform}/switch/", "get", SIGN_IN, 403, 403, 403, 403, administrator=405),
    Page("platform-remove", "/lti/platforms/{platform}/remove/", "get", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page(
        "platform-remove", "/lti/platforms/{platform}/remove/", "post", SIGN_IN, 403, 403, 403, 403, administrator=302
    ),
    Page("platform-rotate", "/lti/platforms/{platform}/keys/", "post", SIGN_IN, 403, 403, 403, 403, administrator=302),
    Page(
        "platform-withdraw-keys",
        "/lti/platforms/{platform}/keys/withdraw/",
        "get",
        SIGN_IN,
        403,
        403,
        403,
        403,
        administrator=200,
    ),
    Page(
        "platform-withdraw-keys",
        "/lti/platforms/{platform}/keys/withdraw/",
        "post",
        SIGN_IN,
        403,
        403,
        403,
        403,
        administrator=302,
    ),
    Page("platform-test", "/lti/platforms/{platform}/test/", "post", SIGN_IN, 403, 403, 403, 403, administrator=200),
    Page("platform-test", "/lti/platforms/{platform}/test/", "get", SIGN_IN, 403, 403, 403, 403, administrator=405),
    Page(
        "deployment-approve",
        "/lti/platforms/{platform}/deployments/",
        "post",
        *(SIGN_IN, 403, 403, 403, 403),
        administrator=302,
    ),
    Page(
        "deployment-withdraw",
        "/lti/platforms/{platform}/deployments/0/withdraw/",
        "post",
        *(SIGN_IN, 403, 403, 403, 403),
        administrator=404,
    ),
    # Choosing what to add to a course: without a message, and with a token that nobody was given.
    Page("pick", "/lti/pick/", "get", 401, 401, 401, 401, 401),
    Page("pick-choose", "/lti/pick/made-up/", "get", 401, 401, 401, 401, 401),
    Page("pick-choose", "/lti/pick/made-up/", "post", 401, 401, 401, 401, 401),
    Page("enter", "/lti/enter/", "post", 401, 401, 401, 401, 401),
    # What a class is over there.
    Page("link", "/lti/links/{link}/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("course-links", "/lti/classes/{course}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("link-choose", "/lti/classes/{course}/links/{link}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("link-choose", "/lti/classes/{course}/links/0/", "get", SIGN_IN, 404, 403, 403, 404),
    Page("link-lead", "/lti/classes/{course}/links/{link}/lead/?to=class", "get", SIGN_IN, 404, 403, 403, 200),
    Page("link-lead", "/lti/classes/{course}/links/{link}/lead/?to=class", "post", SIGN_IN, 404, 403, 403, 409),
    Page("link-lead", "/lti/classes/{course}/links/0/lead/", "post", SIGN_IN, 404, 403, 403, 404),
    Page("context-disconnect", "/lti/classes/{course}/{connected}/disconnect/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("context-disconnect", "/lti/classes/{course}/{connected}/disconnect/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("context-disconnect", "/lti/classes/{course}/{context}/disconnect/", "post", SIGN_IN, 404, 403, 403, 404),
]

# Of a course that is a class; its platform has not said where its people are listed.
AT_THE_CLASS = "/lti/classes/{course}/people/{context}/"
PAGES_OF_ROSTERS = [
    Page("roster-preview", AT_THE_CLASS, "get", SIGN_IN, 404, 403, 403, 302),
    Page("roster-preview", AT_THE_CLASS, "post", SIGN_IN, 404, 403, 403, 302),
    Page("roster-read", f"{AT_THE_CLASS}read/", "get", SIGN_IN, 404, 403, 403, 405),
    Page("roster-read", f"{AT_THE_CLASS}read/", "post", SIGN_IN, 404, 403, 403, 302),
]


@pytest.fixture
def context(teacher: User) -> Context:
    """A course that is no class yet, of a platform that calls some of the people here its own."""
    course: Course = CourseFactory.create(owner=teacher)
    platform = Platform.objects.create(
        name="Campus", issuer="https://lms.test", client_id="1", state=Platform.State.ACTIVE
    )
    context = platform.deployments.create(deployment_id="1").contexts.create(context_id="101", title="Statistics")
    for username, role in (("student", Role.STUDENT), ("grader", Role.GRADER), ("teacher", Role.TEACHER)):
        user = member(course, username, role).person
        person = LtiPerson.objects.create(
            platform=platform, sub=username, user=user, has_made_account=role == Role.TEACHER
        )
        enrol(context, person, role, now=timezone.now())
    return context


@pytest.fixture
def places(context: Context) -> dict[str, object]:
    """What stands in addresses: that course, and one that is a class, with a link to what the class has not."""
    course = Course.objects.get()
    connected = context.deployment.contexts.create(context_id="102", course=course)
    target = Target(Kind.ASSIGNMENT, name="gone")
    link = connected.resource_links.create(resource_link_id="7", target=target.custom)
    platform = context.deployment.platform_id
    return {
        "context": context.pk,
        "connected": connected.pk,
        "course": course.slug,
        "link": link.pk,
        "platform": platform,
    }


@each_of(PAGES)
@pytest.mark.parametrize("who", PERSONS)
def test_page_answers_each_person_as_the_table_says(
    client: Client, places: dict[str, object], page: Page, who: str
) -> None:
    check_answer(client, page, page.path.format(**places), who=who)


@each_of(PAGES)
def test_whoever_runs_the_site_is_no_teacher_over_there(client: Client, places: dict[str, object], page: Page) -> None:
    check_answer_to_whoever_runs_the_site(client, page, page.path.format(**places))


@pytest.fixture
def course(context: Context) -> Course:
    """The class that it is in the tables of pages of a class."""
    context.course = Course.objects.get()
    context.save()
    return context.course


@each_of(PAGES_OF_ROSTERS)
@pytest.mark.parametrize("who", PERSONS)
def test_page_of_a_roster_answers_each_person_as_the_table_says(
    client: Client, context: Context, course: Course, page: Page, who: str
) -> None:
    check_answer(client, page, page.path.format(course=course.slug, context=context.pk), who=who)


@each_of(PAGES_OF_ROSTERS)
def test_whoever_runs_the_site_sees_rosters(client: Client, context: Context, course: Course, page: Page) -> None:
    check_answer_to_whoever_runs_the_site(client, page, page.path.format(course=course.slug, context=context.pk))


def test_table_names_every_page() -> None:
    pages = [*PAGES, *PAGES_OF_ROSTERS, *GRADE_PAGES]

    assert {pattern.name for pattern in urlpatterns} == {page.name for page in pages}
