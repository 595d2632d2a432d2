"""A student's files as a teacher sees them, and the list by which the student knows of it.

Nothing of a file ever becomes part of a page but as text, or as a picture that was spelt anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.looking import list_folder, read_file
from classes.models import Membership, Role
from classes.notebooks import MAX_TEXT, Cell, progress_of, read_notebook
from classes.views.answers import download
from environments.errors import EnvironmentsError

CELLS_SHOWN = 300
LOOKS_ON_A_PAGE = 50
NOTEBOOK = ".ipynb"


@dataclass(frozen=True, slots=True)
class Crumb:
    """A folder on the way to what is shown."""

    name: str
    path: str


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def member_files(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """A folder, or what is in a file: a notebook cell by cell, anything else as text."""
    student, path = _student(request, member_id), request.GET.get("path", "").strip("/")
    context: dict[str, Any] = {
        "course": request.course,
        "standing": request.standing,
        "here": "live",
        "student": student,
        "path": path,
        "crumbs": _crumbs(path),
    }
    try:
        context |= _what_is_at(student, path, request)
    except EnvironmentsError as error:
        context["reason"] = error.explain()
        return render(request, "classes/member_files.html", context, status=error.status)
    return render(request, "classes/member_files.html", context)


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
@never_cache
def file_download(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """A file as it is, to be kept and not to be shown by the browser."""
    student, path = _student(request, member_id), request.GET.get("path", "")
    try:
        content = read_file(student, path, by=request.user, now=timezone.now(), is_download=True)
    except EnvironmentsError as error:
        context = {"course": request.course, "standing": request.standing, "here": "live"}
        context |= {"student": student, "path": path}
        return render(request, "classes/member_files.html", context | {"reason": error.explain()}, status=error.status)
    return download(content, path)


@course_view(Role.STUDENT)
@require_safe
def look_list(request: CourseRequest) -> HttpResponse:
    """Who has looked at one's files."""
    membership = request.standing.membership
    if membership is None or request.standing.is_as_student:
        raise PermissionDenied
    looks = Paginator(membership.looks.select_related("by"), LOOKS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"course": request.course, "standing": request.standing, "here": "looks", "page": looks}
    return render(request, "classes/look_list.html", context)


def _student(request: CourseRequest, member_id: UUID) -> Membership:
    students = request.course.memberships.present().students()
    return get_object_or_404(students.select_related("person", "course", "section"), pk=member_id)


def _what_is_at(student: Membership, path: str, request: CourseRequest) -> dict[str, Any]:
    """A folder if there is one, else the file."""
    now = timezone.now()
    try:
        listing = list_folder(student, path, by=request.user, now=now)
    except CourseError as error:
        if error.code != "file_missing":
            raise
        return _file(read_file(student, path, by=request.user, now=now), path)
    prefix = f"{path}/" if path else ""
    return {"listing": listing, "entries": [(entry, f"{prefix}{entry.name}") for entry in listing.entries]}


def _file(content: bytes, path: str) -> dict[str, Any]:
    if path.endswith(NOTEBOOK):
        try:
            return _notebook(read_notebook(content))
        except CourseError as error:
            return {"is_file": True, "unreadable": error.explain()}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"is_file": True, "is_binary": True}
    if "\0" in text:
        return {"is_file": True, "is_binary": True}
    return {"is_file": True, "text": text[: MAX_TEXT * 10], "is_cut": len(text) > MAX_TEXT * 10}


def _notebook(cells: list[Cell]) -> dict[str, Any]:
    return {
        "is_file": True,
        "cells": cells[:CELLS_SHOWN],
        "is_notebook": True,
        "is_cut": len(cells) > CELLS_SHOWN,
        "progress": progress_of(cells),
    }


def _crumbs(path: str) -> list[Crumb]:
    place = PurePosixPath(path)
    folders = [folder for folder in reversed(place.parents) if folder.parts]
    return [Crumb(folder.name, str(folder)) for folder in folders] if place.parts else []
