"""Working on a machine without Carrel: the commands that make the class's environment there, as text and as a file."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from classes.context import CourseRequest, course_view
from classes.elsewhere import Source, System, ways
from classes.elsewhere_scripts import script
from classes.models import Course

SUFFIXES = {System.POSIX: "sh", System.WINDOWS: "ps1"}


@course_view()
@require_safe
def course_elsewhere(request: CourseRequest) -> HttpResponse:
    """The commands, for each system."""
    course = request.course
    source = source_of(course)
    labels = {System.POSIX: _("Linux and macOS"), System.WINDOWS: "Windows"}
    context = {
        "course": course,
        "standing": request.standing,
        "here": "elsewhere",
        "source": source,
        "is_private": course.environment is not None and course.environment.is_private,
        "ways": [
            (way, [(system, labels[system], text) for system, text in way.commands.items()])
            for way in (ways(source) if source else [])
        ],
        "scripts": [(system, labels[system], f"{course.slug}.{SUFFIXES[system]}") for system in System],
    }
    return render(request, "classes/elsewhere.html", context)


@course_view()
@require_safe
def course_elsewhere_script(request: CourseRequest, system: str) -> HttpResponse:
    """The same as a file to run."""
    source = source_of(request.course)
    if source is None or system not in list(System):
        raise Http404
    text = script(source, System(system), title=request.course.title)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    name = f"{request.course.slug}.{SUFFIXES[System(system)]}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def source_of(course: Course) -> Source | None:
    """What the class works in now, if a machine elsewhere could fetch it and it was ever looked at."""
    environment = course.environment
    if environment is None:
        return None
    known = [(environment.repository_url, environment.commit)]
    if environment.build is not None:  # It is being made, or this Carrel could not make it: another machine may.
        known.append((environment.build.repository_url, environment.build.commit))
    for url, commit in known:
        try:
            return Source(url, commit, course.slug)
        except ValueError:
            continue
    return None
