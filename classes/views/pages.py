"""Drawing a page of a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from classes.context import CourseRequest


def render_page(
    request: CourseRequest, name: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """The template of this name, with what every page of a class needs to know."""
    known = {"course": request.course, "standing": request.standing}
    return render(request, f"classes/{name}.html", known | dict(context or {}), status=status)


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, be it nothing; None for somebody who only looks."""
    return request.POST if request.method == "POST" else None
