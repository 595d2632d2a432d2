"""The grades of a class: everybody's for everything, as files, how each came about, and telling students."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading.grade_files import points_csv, questions_csv
from assignments.grading.gradebook import publish_grades
from assignments.grading.statistics import spreads
from assignments.models import Assignment, Grade
from assignments.policies import can_publish
from assignments.returning.publishing import publication_of
from assignments.views.answers import facts_of, words_in
from classes.context import CourseRequest, course_view
from classes.models import Course, Membership, Role

STUDENTS_ON_A_PAGE = 50
DIGITS = 19
"""The key of no grade has as many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell of the gradebook."""

    link: str
    points: str
    note: str


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def gradebook(request: CourseRequest) -> HttpResponse:
    """Students and assignments. Who grades without names does not find the points of these assignments here."""
    assignments = Assignment.objects.filter(course=request.course, release__isnull=False).present()
    if not request.standing.is_teacher:
        assignments = assignments.filter(is_anonymous=False)
    columns = list(assignments)
    students = request.course.memberships.present().students().select_related("person", "section")
    page = Paginator(students.order_by("person__display_name", "person__username"), STUDENTS_ON_A_PAGE).get_page(
        request.GET.get("page")
    )
    members = list(page.object_list)
    grades = Grade.objects.filter(assignment__in=columns, membership__in=members).order_by()
    entries = Entries(request.course, columns, is_linked=request.standing.is_teacher)
    found = {
        (grade.membership_id, grade.assignment_id): entries.of(grade)
        for grade in map(Told._make, grades.values_list("pk", "membership", "assignment", *Told._fields[3:]))
    }
    rows = [(member, [found.get((member.pk, each.pk)) for each in columns]) for member in members]
    return render(
        request,
        "assignments/gradebook.html",
        {
            "course": request.course,
            "standing": request.standing,
            "here": "work",
            "assignments": columns,
            "spreads": spreads(columns),
            "rows": rows,
            "page": page,
            "can_publish": can_publish(request.standing),
        },
    )


@assignment_view(Role.TEACHER)
@require_safe
@never_cache
def grade_history(request: AssignmentRequest, grade_id: int) -> HttpResponse:
    """Everything that happened to a grade: what, by whom, and why."""
    grades = request.assignment.grades.select_related("membership__person", "submission", "published_by")
    grade = get_object_or_404(grades, pk=grade_id)
    changes = grade.submission.changes.select_related("by", "rubric_item") if grade.submission is not None else []
    context = {
        "course": request.course,
        "standing": request.standing,
        "assignment": request.assignment,
        "here": "work",
        "grade": grade,
        "changes": changes,
        "now": timezone.now(),
        "can_publish": can_publish(request.standing),
    }
    return render(request, "assignments/grade_history.html", context)


@assignment_view(Role.TEACHER)
@require_safe
@never_cache
def points_file(request: AssignmentRequest) -> HttpResponse:
    """What everybody has for the assignment."""
    return _file(points_csv(request.assignment), f"{request.assignment.name}.csv")


@assignment_view(Role.TEACHER)
@require_safe
@never_cache
def questions_file(request: AssignmentRequest) -> HttpResponse:
    """What everybody has for each cell."""
    return _file(questions_csv(request.assignment), f"{request.assignment.name}-cells.csv")


@assignment_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def grades_publish(request: AssignmentRequest) -> HttpResponse:
    """What students would be told; POST tells one, those who are finished, or all."""
    if not can_publish(request.standing):
        raise PermissionDenied
    if request.method != "POST":
        facts = facts_of(request) | {"publication": publication_of(request.assignment)}
        return render(request, "assignments/publish.html", facts)
    told = publish_grades(
        request.assignment,
        _one_of(request),
        by=request.user,
        now=timezone.now(),
        message=words_in(request, "message").strip()[:4000],
        is_finished=request.POST.get("which") == "finished",
    )
    words = ngettext("%(n)d student now sees the grade.", "%(n)d students now see their grades.", len(told))
    messages.success(request, words % {"n": len(told)})
    return redirect("assignments:gradebook", request.course.slug)


def _one_of(request: AssignmentRequest) -> list[Membership] | None:
    """Whose grade is named; None for everybody's."""
    number = request.POST.get("grade", "")
    if not number:
        return None
    grades = request.assignment.grades.select_related("membership")
    is_key = number.isascii() and number.isdigit() and len(number) < DIGITS
    return [get_object_or_404(grades, pk=int(number) if is_key else 0).membership]


class Told(NamedTuple):
    """What is told of a grade. There are as many as students and assignments on the page make."""

    pk: int
    membership_id: UUID
    assignment_id: UUID
    points: Decimal | None
    max_points: Decimal | None
    needs_manual: int
    published_at: datetime | None
    published_points: Decimal | None


class Entries:
    """What stands in the cells of the gradebook: thousands, many alike, so what can be said of several is said once."""

    def __init__(self, course: Course, assignments: Iterable[Assignment], *, is_linked: bool) -> None:
        self._course = course
        self._names = {assignment.pk: assignment.name for assignment in assignments}
        self._is_linked = is_linked
        self._links: dict[UUID, str] = {}
        self._words: dict[tuple[Decimal | None, Decimal | None], str] = {}

    def of(self, grade: Told) -> Entry:
        """That of this grade."""
        return Entry(self._link(grade), self._points(grade), self._note(grade))

    def _link(self, grade: Told) -> str:
        """To how it came about, for those who may see that."""
        if not self._is_linked:
            return ""
        if grade.assignment_id not in self._links:
            first = reverse("assignments:grade-history", args=[self._course.slug, self._names[grade.assignment_id], 0])
            self._links[grade.assignment_id] = first.removesuffix("0/")
        return f"{self._links[grade.assignment_id]}{grade.pk}/"

    def _points(self, grade: Told) -> str:
        key = (grade.points, grade.max_points)
        if key not in self._words:
            shown = [number_format(f"{points.normalize():f}") for points in key if points is not None]
            self._words[key] = _("not graded") if grade.points is None else " / ".join(shown)
        return self._words[key]

    def _note(self, grade: Told) -> str:
        if grade.needs_manual:
            return ngettext("%(n)d to do", "%(n)d to do", grade.needs_manual) % {"n": grade.needs_manual}
        if grade.published_at is None:
            return ""
        return _("published") if grade.published_points == grade.points else _("changed since it was published")


def _file(text: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
