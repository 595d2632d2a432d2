"""Courses that were copied from one that is a class here, and what a class is over there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from assignments.models import Assignment
from classes.copying import copy_course
from classes.courses import Plan
from classes.members import admit
from classes.models import Course, Role
from environments.values import Reference
from lti.claims import GRADE_SERVICE
from lti.contexts import linked_keys
from lti.models import Context, LineItem, LtiPerson, ResourceLink
from lti.passback import line_items
from lti.targets import Kind, Target
from tests.factories import AssignmentFactory, CourseFactory, EnvironmentFactory, LessonFactory, released
from tests.lti.picking import picker
from tests.lti.platforms import STUDENT, TEACHER, Browser

NEW_CLASS = {"title": "Statistics again", "repository": "https://github.com/carrel-tests/class"}
COPY: dict[str, Any] = {
    "roles": [TEACHER],
    "context": {"id": "202", "title": "Statistics copy"},
    "custom": {"carrel_context_history": "101,55"},
}


@pytest.fixture
def former(browser: Browser, course: Course) -> Course:
    """The class of the course that was copied; whoever copied it teaches it here too."""
    browser.launch(roles=[TEACHER])
    Course.objects.update(colour="teal")
    LessonFactory.create(course=course, title="Loops", starts_at=timezone.now(), position=1)
    LessonFactory.create(course=course, title="Lists", position=2)
    return course


def asking(browser: Browser, **changes: Any) -> str:
    """The page on which the teacher of the copy says which class it is."""
    response = browser.launch(**COPY | changes)
    assert response["Location"] == f"/lti/courses/{Context.objects.get(context_id='202').pk}/"
    return response["Location"]


def linked_to(one: Assignment, *, id: str = "7", column: str = "") -> dict[str, Any]:
    """What the link to an assignment says, wherever its course is copied to; and which column it has there."""
    said: dict[str, Any] = {"resource_link": {"id": id}, "custom": Target(Kind.ASSIGNMENT, one.pk, one.name).custom}
    return said | ({GRADE_SERVICE: {"scope": [], "lineitem": column}} if column else {})


def test_copy_is_offered_a_class_like_the_former_one(browser: Browser, former: Course) -> None:
    page = browser.client.get(asking(browser)).content.decode()

    assert "This course was copied from “Statistics”, which is your class “Statistics”." in page
    assert f'<option value="{former.slug}" selected>' in page
    assert former.environment is not None
    assert former.environment.repository in page
    assert 'name="like_former" value="1" checked' in page


def test_class_like_the_former_one_has_its_lessons_as_drafts(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)

    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})

    made = Context.objects.get(context_id="202").course
    assert made is not None
    assert made != former
    facts = list(made.lessons.values_list("title", "path", "starts_at", "published_at"))
    assert facts == [("Loops", "first.ipynb", None, None), ("Lists", "first.ipynb", None, None)]


def test_page_says_what_comes_along_and_what_does_not(browser: Browser, former: Course) -> None:
    AssignmentFactory.create(course=former)

    page = browser.client.get(asking(browser)).content.decode()

    assert "1 assignment, with its points" in page
    assert "Submissions, grades, feedback and extensions of assignments" in page


def test_links_of_the_copy_lead_to_the_assignments_of_the_new_class(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    old = AssignmentFactory.create(course=former, title="Squares", name="ps1")
    released(old)
    link = linked_to(old, column=f"{browser.lms.issuer}/columns/1")
    browser.launch(roles=[TEACHER], **link)
    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})
    made = Context.objects.get(context_id="202").course
    assert made is not None

    copied_link = linked_to(old, id="800", column=f"{browser.lms.issuer}/columns/2")
    response = browser.launch(roles=[TEACHER], context=COPY["context"], **copied_link)

    one = made.assignments.get()
    assert response["Location"] == f"/classes/{made.slug}/assignments/ps1/"
    links = dict(ResourceLink.objects.filter(assignment__isnull=False).values_list("assignment", "line_item_url"))
    assert links == {
        old.pk: f"{browser.lms.issuer}/columns/1",
        one.pk: f"{browser.lms.issuer}/columns/2",
    }


def test_students_of_the_copy_are_not_led_to_what_is_not_released(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    old = AssignmentFactory.create(course=former, title="Squares", name="ps1")
    released(old)
    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})
    made = Context.objects.get(context_id="202").course
    assert made is not None

    student = Browser(browser.lms)
    response = student.launch(sub="9", roles=[STUDENT], context=COPY["context"], **linked_to(old, id="800"))

    assert response["Location"] == f"/classes/{made.slug}/"
    assert "Squares" not in student.client.get(f"/classes/{made.slug}/").content.decode()


def test_grades_of_the_copy_go_into_columns_of_its_own_course(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    old = AssignmentFactory.create(course=former, name="ps1")
    before = Context.objects.get(context_id="101")
    LineItem.objects.create(context=before, assignment=old, url="https://campus.example.org/columns/1")
    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})
    context = Context.objects.get(context_id="202")
    assert context.course is not None
    link = linked_to(old, id="800", column=f"{browser.lms.issuer}/columns/2")
    browser.launch(roles=[TEACHER], context=COPY["context"], **link)

    one = context.course.assignments.get()
    columns = line_items.take_part([context, before], [one])

    assert list(columns) == [(context.pk, one.pk)]
    assert list(before.line_items.values_list("assignment", "url")) == [
        (old.pk, "https://campus.example.org/columns/1")
    ]


def test_links_of_the_copy_lead_to_lessons_that_are_called_otherwise_now(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    old = former.lessons.get(title="Loops")
    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})
    made = Context.objects.get(context_id="202").course
    assert made is not None
    made.lessons.filter(title="Loops").update(title="Loops and lists")
    made.lessons.filter(title="Lists").update(title="Loops")

    said = Target(Kind.LESSON, old.pk, "Loops").custom
    response = browser.launch(roles=[TEACHER], context=COPY["context"], resource_link={"id": "800"}, custom=said)

    lesson = made.lessons.get(title="Loops and lists")
    assert response["Location"] == f"/classes/{made.slug}/lessons/{lesson.pk}/"


def test_picker_knows_the_links_that_came_with_the_copy(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)
    old = AssignmentFactory.create(course=former, name="ps1")
    browser.client.post(asking(browser), NEW_CLASS | {"like_former": "1"})
    context = Context.objects.get(context_id="202")
    assert context.course is not None

    browser.launch(roles=[TEACHER], context=COPY["context"], **linked_to(old, id="800"))

    assert Target(Kind.ASSIGNMENT, context.course.assignments.get().pk).key in linked_keys(context)


def test_second_click_finds_the_class_that_the_first_has_made(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = asking(browser)
    clicks: list[str] = []

    def resolving(*args: Any, **facts: Any) -> None:
        """While the first click looks for the repository, there is another."""
        clicks.append("click")
        if len(clicks) == 1:
            browser.client.post(page, NEW_CLASS | {"like_former": "1"})

    monkeypatch.setattr("lti.views.contexts.resolve_for", resolving)

    response = browser.client.post(page, NEW_CLASS | {"like_former": "1"})

    made = former.copies.get()
    assert len(clicks) == 2
    assert response["Location"] == f"/classes/{made.slug}/"
    assert Context.objects.get(context_id="202").course == made


def test_class_that_was_made_before_is_chosen(browser: Browser, former: Course, fake_backends: None) -> None:
    teacher = LtiPerson.objects.get().user
    plan = Plan("Statistics again", Reference("gh", "carrel-tests/class", ""))
    made = copy_course(former, teacher, plan, resolved=None, now=timezone.now())

    page = browser.client.get(asking(browser)).content.decode()

    assert "There is a class like it already, “Statistics again”" in page
    assert f'<option value="{made.slug}" selected>' in page
    assert page.count(" selected>Statistics") == 1


def test_nothing_comes_along_if_the_teacher_says_so(
    browser: Browser, former: Course, fake_backends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lti.views.contexts.resolve_for", lambda *args, **facts: None)

    browser.client.post(asking(browser), NEW_CLASS)

    made = Context.objects.get(context_id="202").course
    assert made is not None
    assert not made.lessons.exists()


def test_copy_can_be_the_same_class(browser: Browser, former: Course) -> None:
    browser.client.post(f"{asking(browser)}class/", {"course": former.slug})

    assert Context.objects.get(context_id="202").course == former


@pytest.mark.parametrize(
    "custom",
    [
        {},
        {"carrel_context_history": "$Context.id.history"},
        {"carrel_context_history": ""},
        {"carrel_context_history": "202"},
        {"carrel_context_history": "999,1000"},
    ],
)
def test_copy_of_what_nobody_knows_is_asked_as_any_other(
    browser: Browser, former: Course, custom: dict[str, str]
) -> None:
    page = browser.client.get(asking(browser, custom=custom)).content.decode()

    assert "was copied from" not in page
    assert "“Statistics copy” has no class here yet" in page


def test_class_of_somebody_else_is_not_shown(browser: Browser, former: Course) -> None:
    page = browser.client.get(asking(browser, sub="9")).content.decode()

    assert "was copied from" not in page
    assert former.slug not in page


def test_class_that_was_deleted_is_not_copied(browser: Browser, former: Course) -> None:
    Course.objects.update(deleted_at=timezone.now() - timedelta(days=1))

    assert "was copied from" not in browser.client.get(asking(browser)).content.decode()


def test_same_id_of_another_deployment_is_no_origin(browser: Browser, former: Course) -> None:
    other = Context.objects.get().deployment.platform.deployments.create(deployment_id="2")

    browser.launch(**COPY, deployment_id="2")

    assert Context.objects.get(deployment=other).copied_from is None


def test_latest_of_several_former_courses_counts(browser: Browser, former: Course) -> None:
    deployment = Context.objects.get().deployment
    later = Context.objects.create(deployment=deployment, context_id="150", course=CourseFactory.create())

    asking(browser, custom={"carrel_context_history": "150,101"})

    assert Context.objects.get(context_id="202").copied_from == later


def test_copy_is_known_by_its_links_too(browser: Browser, former: Course) -> None:
    asking(browser, custom={"carrel_link_history": "7"}, resource_link={"id": "700"})

    assert Context.objects.get(context_id="202").copied_from == Context.objects.get(context_id="101")


def test_course_is_known_as_a_copy_by_the_picker(browser: Browser, former: Course) -> None:
    picker(browser, context=COPY["context"], custom=COPY["custom"])

    assert Context.objects.get(context_id="202").copied_from == Context.objects.get(context_id="101")


def test_whoever_was_choosing_is_told_to_go_on(browser: Browser, former: Course) -> None:
    browser.launch(**COPY)
    picker(browser, context=COPY["context"])
    context = Context.objects.get(context_id="202")

    response = browser.client.post(f"/lti/courses/{context.pk}/class/", {"course": former.slug}, follow=True)

    assert "Go back to your course: what to add to it is chosen there." in response.content.decode()


# --- What a class is over there -----------------------------------------------------------------------------


def test_teacher_sees_courses_and_what_their_links_lead_to(browser: Browser, former: Course) -> None:
    one = AssignmentFactory.create(course=former, title="Squares", name="ps1")
    browser.launch(
        roles=[TEACHER],
        resource_link={"id": "8", "title": "<b>Squares</b>"},
        custom={"carrel_kind": "assignment", "carrel_id": str(one.pk)},
    )
    browser.launch(
        roles=[TEACHER], resource_link={"id": "9", "title": "Old"}, custom={"carrel_kind": "lesson", "carrel_name": "X"}
    )

    page = browser.client.get(f"/lti/classes/{former.slug}/").content.decode()

    assert ("Campus" in page, "&lt;b&gt;Squares&lt;/b&gt;" in page) == (True, True)
    assert f'href="/classes/{former.slug}/assignments/ps1/">Squares</a>' in page
    assert page.count("Nothing in this class") == 1
    assert "1 person has come from there" in page


def test_page_is_found_among_the_settings(browser: Browser, former: Course) -> None:
    page = browser.client.get(f"/classes/{former.slug}/settings/").content.decode()

    assert f'href="/lti/classes/{former.slug}/"' in page


def test_class_without_courses_says_how_to_begin(browser: Browser, former: Course) -> None:
    Context.objects.update(course=None)

    assert "No course leads here" in browser.client.get(f"/lti/classes/{former.slug}/").content.decode()


def test_disconnecting_keeps_people_and_asks_anew(browser: Browser, former: Course) -> None:
    context = Context.objects.get()
    one = AssignmentFactory.create(course=former)
    browser.launch(roles=[TEACHER], custom={"carrel_kind": "assignment", "carrel_id": str(one.pk)})
    assert ResourceLink.objects.get().assignment == one

    response = browser.client.post(f"/lti/classes/{former.slug}/{context.pk}/disconnect/")

    assert response["Location"] == f"/lti/classes/{former.slug}/"
    context.refresh_from_db()
    assert (context.course, ResourceLink.objects.get().assignment) == (None, None)
    assert former.memberships.present().filter(person=LtiPerson.objects.get().user).exists()
    assert browser.launch(roles=[TEACHER])["Location"] == f"/lti/courses/{context.pk}/"
    assert Browser(browser.lms).launch(sub="9", roles=[STUDENT]).status_code == 403


def test_asking_changes_nothing(browser: Browser, former: Course) -> None:
    context = Context.objects.get()

    page = browser.client.get(f"/lti/classes/{former.slug}/{context.pk}/disconnect/").content.decode()

    assert "Disconnect “Statistics”?" in page
    context.refresh_from_db()
    assert context.course == former


def test_course_of_another_class_is_not_disconnected(browser: Browser, former: Course) -> None:
    user = LtiPerson.objects.get().user
    own = CourseFactory.create(owner=user, environment=EnvironmentFactory.create(owner=user))
    admit(own, user, role=Role.TEACHER, now=timezone.now())

    response = browser.client.post(f"/lti/classes/{own.slug}/{Context.objects.get().pk}/disconnect/")

    assert response.status_code == 404
