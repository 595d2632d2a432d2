"""What views of a class answer when something cannot be done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from classes.context import CourseRequest
from environments.errors import EnvironmentsError

CONFLICT, UNPROCESSABLE = 409, 422


def refused(request: CourseRequest, error: EnvironmentsError, to: str, *arguments: Any) -> HttpResponse:
    """Back to a page of the class, with the reason why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
    return back(request, to, *arguments)


def back(request: CourseRequest, to: str, *arguments: Any) -> HttpResponseRedirect:
    """To this page of the class."""
    return redirect(f"classes:{to}", request.course.slug, *arguments)
