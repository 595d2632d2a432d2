"""The grades of a class: everybody's for everything, as files, how each came about, and telling students."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.grade_files import points_csv, questions_csv
from assignments.gradebook import publish_grades
from assignments.models import Assignment, Grade
from assignments.policies import can_publish
from assignments.statistics import spreads
from classes.context import CourseRequest, course_view
from classes.models import Role

STUDENTS_ON_A_PAGE = 100


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
    grades = Grade.objects.filter(assignment__in=columns, membership__in=members)
    found = {(grade.membership_id, grade.assignment_id): grade for grade in grades}
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
            "rows": [(member, list(zip(columns, grades, strict=True))) for member, grades in rows],
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
@require_POST
def grades_publish(request: AssignmentRequest) -> HttpResponse:
    """Tell all students, or one, what they have."""
    if not can_publish(request.standing):
        raise PermissionDenied
    members = None
    if request.POST.get("grade"):
        number = request.POST["grade"]
        grades = request.assignment.grades.select_related("membership")
        members = [get_object_or_404(grades, pk=int(number) if number.isascii() and number.isdigit() else 0).membership]
    told = publish_grades(
        request.assignment,
        members,
        by=request.user,
        now=timezone.now(),
        message=request.POST.get("message", "").strip()[:4000],
    )
    words = ngettext("%(n)d student now sees the grade.", "%(n)d students now see their grades.", len(told))
    messages.success(request, words % {"n": len(told)})
    return redirect("assignments:gradebook", request.course.slug)


def _file(text: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
