"""Every page of a class, and what a stranger and each of its members get from it. A new page must be added here."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from classes.invitations import make_invitation
from classes.models import Course, ExpectedMember, HandIn, Role, Section
from classes.urls import urlpatterns
from tests.architecture.members_pages import (
    PERSONS,
    SIGN_IN,
    Page,
    check_answer,
    check_answer_to_whoever_runs_the_site,
    each_of,
)
from tests.factories import AnnouncementFactory, CourseFactory, LessonFactory, hand_in_of, member, prepared

NO_ID = "00000000-0000-4000-8000-000000000000"
EXPORT = f"/classes/{{course}}/keep/export/{NO_ID}/"


PAGES = [
    Page("course-list", "/classes/", "get", SIGN_IN, 200, 200, 200, 200),
    Page("course-create", "/classes/new/", "get", SIGN_IN, 403, 403, 403, 200),
    Page("course-create", "/classes/new/", "post", SIGN_IN, 403, 403, 403, 422),
    Page("course-import", "/classes/new/archive/", "get", SIGN_IN, 403, 403, 403, 200),
    Page("course-import", "/classes/new/archive/", "post", SIGN_IN, 403, 403, 403, 422),
    Page("course-import-preview", f"/classes/new/archive/{NO_ID}/", "get", SIGN_IN, 403, 403, 403, 404),
    Page("course-import-preview", f"/classes/new/archive/{NO_ID}/", "post", SIGN_IN, 403, 403, 403, 404),
    Page("course-detail", "/classes/{course}/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("course-settings", "/classes/{course}/settings/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-settings", "/classes/{course}/settings/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("lesson-list", "/classes/{course}/lessons/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("lesson-add", "/classes/{course}/lessons/new/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("lesson-add", "/classes/{course}/lessons/new/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("lesson-detail", "/classes/{course}/lessons/{lesson}/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("lesson-detail", "/classes/{course}/lessons/{draft}/", "get", SIGN_IN, 404, 404, 200, 200),
    Page("lesson-edit", "/classes/{course}/lessons/{lesson}/edit/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("lesson-edit", "/classes/{course}/lessons/{lesson}/edit/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("lesson-publish", "/classes/{course}/lessons/{lesson}/publish/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("lesson-move", "/classes/{course}/lessons/{lesson}/move/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("lesson-delete", "/classes/{course}/lessons/{lesson}/delete/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("lesson-delete", "/classes/{course}/lessons/{lesson}/delete/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("announcement-list", "/classes/{course}/announcements/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("announcement-add", "/classes/{course}/announcements/new/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("announcement-add", "/classes/{course}/announcements/new/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("announcement-edit", "/classes/{course}/announcements/{notice}/edit/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("announcement-edit", "/classes/{course}/announcements/{notice}/edit/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("announcement-delete", "/classes/{course}/announcements/{notice}/delete/", "get", SIGN_IN, 404, 403, 403, 200),
    Page(
        "announcement-delete", "/classes/{course}/announcements/{notice}/delete/", "post", SIGN_IN, 404, 403, 403, 302
    ),
    Page("course-elsewhere", "/classes/{course}/elsewhere/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("course-elsewhere-script", "/classes/{course}/elsewhere/posix/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("course-keeping", "/classes/{course}/keep/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-import-again", "/classes/{course}/keep/files/again/", "post", SIGN_IN, 404, 403, 403, 404),
    Page("course-copy", "/classes/{course}/keep/again/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-copy", "/classes/{course}/keep/again/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("course-export", "/classes/{course}/keep/export/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-export-download", EXPORT, "get", SIGN_IN, 404, 403, 403, 404),
    Page(
        "course-export-delete", f"/classes/{{course}}/keep/export/{NO_ID}/delete/", "post", SIGN_IN, 404, 403, 403, 404
    ),
    Page("course-archive", "/classes/{course}/keep/archive/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-reopen", "/classes/{course}/keep/reopen/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-delete", "/classes/{course}/keep/delete/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-delete", "/classes/{course}/keep/delete/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("course-undelete", "/classes/{course}/keep/undelete/", "post", SIGN_IN, 404, 404, 404, 404),
    Page("lesson-open", "/classes/{course}/lessons/{lesson}/open/", "get", SIGN_IN, 404, 200, 200, 200, 403),
    Page("lesson-open", "/classes/{course}/lessons/{lesson}/open/", "post", SIGN_IN, 404, 302, 302, 302, 403),
    Page("server-open", "/classes/{course}/server/", "get", SIGN_IN, 404, 200, 200, 200, 403),
    Page("server-open", "/classes/{course}/server/", "post", SIGN_IN, 404, 302, 302, 302, 403),
    Page("environment-detail", "/classes/{course}/environment/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("environment-prepare", "/classes/{course}/environment/prepare/", "post", SIGN_IN, 404, 403, 403, 400),
    Page("environment-use", "/classes/{course}/environment/use/", "post", SIGN_IN, 404, 403, 403, 400),
    Page("environment-back", "/classes/{course}/environment/back/", "post", SIGN_IN, 404, 403, 403, 400),
    Page("environment-settings", "/classes/{course}/environment/repositories/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("environment-settings", "/classes/{course}/environment/repositories/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("limits", "/classes/{course}/limits/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("limits", "/classes/{course}/limits/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("file-list", "/classes/{course}/files/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("file-area", "/classes/{course}/files/area/", "post", SIGN_IN, 404, 403, 403, 400),
    Page("hand-in", "/classes/{course}/hand-in/", "post", SIGN_IN, 404, 302, 302, 302),
    Page("hand-in-detail", "/classes/{course}/hand-ins/{hand_in}/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("hand-in-file", "/classes/{course}/hand-ins/{hand_in}/file/?name=one.txt", "get", SIGN_IN, 404, 404, 404, 404),
    Page("server-update", "/classes/{course}/server/update/", "post", SIGN_IN, 404, 302, 302, 302, 403),
    Page("live", "/classes/{course}/live/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("hand-change", "/classes/{course}/hand/", "post", SIGN_IN, 404, 302, 403, 403),
    Page("hand-helped", "/classes/{course}/members/{student}/helped/", "post", SIGN_IN, 404, 403, 302, 302),
    Page("member-files", "/classes/{course}/members/{student}/files/", "get", SIGN_IN, 404, 403, 404, 404),
    Page("file-download", "/classes/{course}/members/{student}/files/download/", "get", SIGN_IN, 404, 403, 404, 404),
    Page("look-list", "/classes/{course}/looks/", "get", SIGN_IN, 404, 200, 403, 403),
    Page("knock-make", "/classes/{course}/members/{student}/knock/", "post", SIGN_IN, 404, 403, 302, 302),
    Page("knock-agree", "/classes/{course}/knocks/{student}/agree/", "post", SIGN_IN, 404, 404, 404, 404),
    Page("knock-end", "/classes/{course}/knocks/{student}/end/", "post", SIGN_IN, 404, 404, 404, 404),
    Page("material-detail", "/classes/{course}/material/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("material-look", "/classes/{course}/material/look/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("material-use", "/classes/{course}/material/use/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("material-back", "/classes/{course}/material/back/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("material-source", "/classes/{course}/material/source/", "post", SIGN_IN, 404, 403, 403, 422),
]
PEOPLE = "/classes/{course}/people/"
PAGES += [
    Page("course-join", "/classes/join/", "get", SIGN_IN, 200, 200, 200, 200),
    Page("course-join", "/classes/join/", "post", SIGN_IN, 422, 422, 422, 422),
    Page("invitation-join", "/classes/join/{code}/", "get", SIGN_IN, 200, 302, 302, 302, administrator=200),
    Page("invitation-join", "/classes/join/{code}/", "post", SIGN_IN, 302, 302, 302, 302),
    Page("course-leave", "/classes/{course}/leave/", "get", SIGN_IN, 404, 200, 200, 200, administrator=302),
    Page("as-student", "/classes/{course}/as-student/", "post", SIGN_IN, 404, 302, 302, 302),
    Page("people", PEOPLE, "get", SIGN_IN, 404, 403, 200, 200),
    Page("person-add", PEOPLE + "add/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("person-add", PEOPLE + "add/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("person", PEOPLE + "{student}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("person", PEOPLE + "{student}/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("person-remove", PEOPLE + "{student}/remove/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("person-return", PEOPLE + "{student}/return/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("expected-forget", PEOPLE + "expected/{expected}/forget/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("section-list", PEOPLE + "sections/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("section-list", PEOPLE + "sections/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("section-rename", PEOPLE + "sections/{section}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("section-delete", PEOPLE + "sections/{section}/delete/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("section-delete", PEOPLE + "sections/{section}/delete/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("invitation-list", PEOPLE + "invitations/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("invitation-list", PEOPLE + "invitations/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("invitation-detail", PEOPLE + "invitations/{invitation}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("invitation-revoke", PEOPLE + "invitations/{invitation}/revoke/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("roster-import", PEOPLE + "list/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("roster-import", PEOPLE + "list/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("roster-preview", PEOPLE + "list/{roster}/", "get", SIGN_IN, 404, 403, 403, 404),
    Page("roster-preview", PEOPLE + "list/{roster}/", "post", SIGN_IN, 404, 403, 403, 404),
    Page("roster-export", PEOPLE + "export.csv", "get", SIGN_IN, 404, 403, 403, 200),
    Page("roster-template", PEOPLE + "template.csv", "get", SIGN_IN, 404, 403, 403, 200),
]


@pytest.fixture
def course(teacher: User, now: datetime) -> Course:
    """A class with somebody in each role, two lessons, of which one is a draft, and an announcement."""
    course = CourseFactory.create(owner=teacher)
    prepared(course)
    member(course, "teacher", Role.TEACHER)
    member(course, "grader", Role.GRADER)
    member(course, "student")
    LessonFactory.create(course=course)
    LessonFactory.create(course=course, published_at=None)
    AnnouncementFactory.create(course=course)
    hand_in_of(course.memberships.get(person__username="student"))
    section = Section.objects.create(course=course, name="Monday")
    ExpectedMember.objects.create(course=course, who="ada@example.org", section=section)
    make_invitation(course, by=teacher, lifetime=timedelta(days=1), now=timezone.now())
    return course


@each_of(PAGES)
@pytest.mark.parametrize("who", PERSONS)
def test_page_answers_each_person_as_the_table_says(
    client: Client, fake_backends: None, course: Course, page: Page, who: str
) -> None:
    check_answer(client, page, _address(page, course), who=who)


@each_of(PAGES)
def test_whoever_runs_the_site_gets_what_a_teacher_gets(
    client: Client, fake_backends: None, course: Course, page: Page
) -> None:
    check_answer_to_whoever_runs_the_site(client, page, _address(page, course))


def test_table_names_every_page() -> None:
    assert {pattern.name for pattern in urlpatterns} == {page.name for page in PAGES}


def _address(page: Page, course: Course) -> str:
    lesson, draft = course.lessons.all()
    student = course.memberships.get(person__username="student")
    invitation = course.invitations.get()
    keys = {
        "lesson": lesson.pk,
        "draft": draft.pk,
        "notice": course.announcements.get().pk,
        "student": student.pk,
        "hand_in": HandIn.objects.get().pk,
        "section": course.sections.get().pk,
        "expected": course.expected.get().pk,
        "invitation": invitation.pk,
        "code": invitation.code,
        "roster": uuid4(),  # Somebody else's, at best: a list is shown to whoever brought it.
    }
    return page.path.format(course=course.slug, **keys)
