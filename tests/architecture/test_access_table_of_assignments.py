"""Every page of an assignment, and what a stranger and each member of the class get. A new page must be added here."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from assignments.files import Bundle, File
from assignments.grading.gradebook import regrade_person
from assignments.models import Grade, Submission, Way
from assignments.submitting.submissions import receive
from assignments.urls import urlpatterns
from classes.models import Course, Role
from tests.architecture.members_pages import (
    PERSONS,
    SIGN_IN,
    Page,
    check_answer,
    check_answer_to_whoever_runs_the_site,
    each_of,
)
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, member, prepared, released

WORK = "/classes/{course}/assignments/"
FILE = "/classes/{{course}}/assignments/given/submissions/{{{}}}/file/{}?path=problem1.ipynb"
GIVEN = WORK + "given/submissions/"
GRADING = WORK + "given/grading/"


PAGES = [
    Page("assignment-list", WORK, "get", SIGN_IN, 404, 200, 200, 200),
    Page("assignment-detail", WORK + "given/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("assignment-detail", WORK + "draft/", "get", SIGN_IN, 404, 404, 200, 200),
    Page("assignment-add", WORK + "new/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("assignment-add", WORK + "new/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("assignment-notebooks", WORK + "given/notebooks/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("source-upload", WORK + "given/notebooks/upload/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("source-fetch", WORK + "given/notebooks/fetch/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("source-take", WORK + "given/notebooks/take/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("own-files", WORK + "given/notebooks/server/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("own-files", WORK + "given/notebooks/server/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("source-check", WORK + "given/notebooks/check/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("release-add", WORK + "given/notebooks/release/", "post", SIGN_IN, 404, 403, 403, 404),
    Page("assignment-edit", WORK + "given/settings/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("assignment-edit", WORK + "given/settings/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("extension-list", WORK + "given/extensions/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("extension-list", WORK + "given/extensions/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("extension-delete", WORK + f"given/extensions/{UUID(int=1)}/delete/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("assignment-delete", WORK + "given/delete/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("assignment-delete", WORK + "given/delete/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("copy-fetch", WORK + "given/fetch/", "post", SIGN_IN, 404, 302, 302, 302, administrator=404),
    Page("copy-fetch", WORK + "draft/fetch/", "post", SIGN_IN, 404, 404, 302, 302, administrator=404),
    Page("copy-open", WORK + "given/open/", "post", SIGN_IN, 404, 302, 302, 302),
    Page("copy-submit", WORK + "given/submit/", "post", SIGN_IN, 404, 302, 302, 302, administrator=404),
    Page("submission-detail", WORK + "given/submissions/{own}/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("submission-detail", WORK + "given/submissions/{other}/", "get", SIGN_IN, 404, 404, 200, 200),
    Page("submission-download", WORK + "given/submissions/{own}/files.tar", "get", SIGN_IN, 404, 200, 200, 200),
    Page("submission-download", WORK + "given/submissions/{other}/files.tar", "get", SIGN_IN, 404, 404, 200, 200),
    Page("submission-file", FILE.format("own", ""), "get", SIGN_IN, 404, 200, 200, 200),
    Page("submission-file", FILE.format("other", ""), "get", SIGN_IN, 404, 404, 200, 200),
    Page("submission-file-download", FILE.format("own", "download/"), "get", SIGN_IN, 404, 200, 200, 200),
    Page("submission-file-download", FILE.format("other", "download/"), "get", SIGN_IN, 404, 404, 200, 200),
    Page("receipt-text", WORK + "given/submissions/{own}/receipt.txt", "get", SIGN_IN, 404, 200, 200, 200),
    Page("receipt-text", WORK + "given/submissions/{other}/receipt.txt", "get", SIGN_IN, 404, 404, 200, 200),
    Page("receipt-json", WORK + "given/submissions/{own}/receipt.json", "get", SIGN_IN, 404, 200, 200, 200),
    Page("receipt-json", WORK + "given/submissions/{other}/receipt.json", "get", SIGN_IN, 404, 404, 200, 200),
    Page("receipt-check", WORK + "-/receipts/", "get", SIGN_IN, 404, 200, 200, 200),
    Page("receipt-check", WORK + "-/receipts/", "post", SIGN_IN, 404, 422, 422, 422),
    Page("assignment-live", WORK + "given/live/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("assignment-statistics", WORK + "given/statistics/", "get", SIGN_IN, 404, 403, 200, 200),
    # Of nothing in particular.
    Page("tests-ask", WORK + "given/tests/ask/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("regrading-detail", WORK + "given/regrading/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("regrading-try", WORK + "given/regrading/try/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("regrading-take-over", WORK + "given/regrading/take-over/", "post", SIGN_IN, 404, 403, 403, 302),
    # Students once it is published, which the tests of feedback see to; those who grade always.
    Page("feedback-detail", WORK + "given/submissions/{own}/feedback/", "get", SIGN_IN, 404, 404, 200, 200),
    Page("feedback-detail", WORK + "given/submissions/{other}/feedback/", "get", SIGN_IN, 404, 404, 200, 200),
    Page("feedback-file", GIVEN + "{own}/feedback/problem1.html", "get", SIGN_IN, 404, 404, 302, 302),
    Page("feedback-file", GIVEN + "{other}/feedback/problem1.html", "get", SIGN_IN, 404, 404, 302, 302),
    Page("request-open", WORK + "given/submissions/{other}/ask/", "post", SIGN_IN, 404, 404, 404, 404),
    Page("request-list", WORK + "given/requests/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("course-request-list", WORK + "-/requests/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("request-answer", WORK + "given/requests/{asked}/", "post", SIGN_IN, 404, 403, 302, 302),
    Page("grading-overview", GRADING, "get", SIGN_IN, 404, 403, 200, 200),
    Page("grading-next", GRADING + "next/", "get", SIGN_IN, 404, 403, 302, 302),
    Page("cell-marking", GRADING + "{own}/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("submission-open-live", GRADING + "{own}/live/", "post", SIGN_IN, 404, 403, 302, 302),
    # To a cell that is not there.
    Page("cell-mark", GRADING + "{own}/points/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("cell-comment", GRADING + "{own}/comments/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("cell-lease", GRADING + "{own}/lease/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("cell-alike", GRADING + "{own}/alike/?notebook=problem1&cell=essay", "get", SIGN_IN, 404, 403, 200, 200),
    Page("cell-alike", GRADING + "{own}/alike/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("gradebook", WORK + "-/gradebook/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("points-file", WORK + "given/grades/points.csv", "get", SIGN_IN, 404, 403, 403, 200),
    Page("questions-file", WORK + "given/grades/cells.csv", "get", SIGN_IN, 404, 403, 403, 200),
    Page("grades-publish", WORK + "given/grades/publish/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("grades-publish", WORK + "given/grades/publish/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("grade-history", WORK + "given/grades/{grade}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-directory-list", WORK + "-/nbgrader/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-directory-list", WORK + "-/nbgrader/", "post", SIGN_IN, 404, 403, 403, 422),
    Page("course-directory-export", WORK + "-/nbgrader/export/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-directory-detail", WORK + "-/nbgrader/{brought}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("course-directory-detail", WORK + "-/nbgrader/{brought}/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-directory-again", WORK + "-/nbgrader/{brought}/again/", "post", SIGN_IN, 404, 403, 403, 302),
    Page("course-directory-remove", WORK + "-/nbgrader/{brought}/remove/", "post", SIGN_IN, 404, 403, 403, 302),
    # Its file is not there.
    Page("course-directory-download", WORK + "-/nbgrader/exports/{made}/", "get", SIGN_IN, 404, 403, 403, 404),
    Page(
        "course-directory-export-remove",
        WORK + "-/nbgrader/exports/{made}/remove/",
        "post",
        SIGN_IN,
        404,
        403,
        403,
        302,
    ),
    Page("kept-comments", GRADING + "{own}/kept-comments/", "get", SIGN_IN, 404, 403, 200, 200),
    Page("kept-comments", GRADING + "{own}/kept-comments/", "post", SIGN_IN, 404, 403, 404, 404),
    Page("rubric-change", GRADING + "{own}/rubric/", "post", SIGN_IN, 404, 403, 404, 404),
]


@pytest.fixture
def course(teacher: User) -> Course:
    """A class with somebody in each role."""
    course = CourseFactory.create(owner=teacher)
    prepared(course)
    member(course, "teacher", Role.TEACHER)
    member(course, "grader", Role.GRADER)
    student, other = member(course, "student"), member(course, "other")
    given = AssignmentFactory.create(course=course, name="given")
    AssignmentFactory.create(course=course, name="draft")
    released(given, cells=[("problem1", "essay", "manual", 4)])
    for membership in (student, other):
        bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
        submission = receive(given, membership, bundle, way=Way.LAB, by=membership.person, now=timezone.now())
        submission.regrade_requests.create(opened_at=timezone.now())
        regrade_person(given, membership, now=timezone.now())
    course.course_directories.create(name="course.zip", asked_at=timezone.now(), state="done")
    course.course_directory_exports.create(asked_at=timezone.now(), state="done")
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
    submissions = Submission.objects.filter(assignment__course=course)
    own = submissions.get(membership__person__username="student")
    other = submissions.get(membership__person__username="other")
    asked = own.regrade_requests.get()
    grade = Grade.objects.get(submission=own)
    keys = {"own": own.pk, "other": other.pk, "asked": asked.pk, "grade": grade.pk}
    keys |= {"brought": course.course_directories.get().pk, "made": course.course_directory_exports.get().pk}
    return page.path.format(course=course.slug, **keys)
