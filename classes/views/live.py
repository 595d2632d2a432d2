"""The page on which a teacher sees the class at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from classes.context import CourseRequest, course_view
from classes.extensions import NavPlace, extensions
from classes.knocking import knocks_by
from classes.live import Seat, chosen, hands_of, seats_of, version_of
from classes.live_forms import LiveForm
from classes.models import Knock, Role

SEATS_ON_A_PAGE = 100
REFRESH_SECONDS = 20
"""How often the page is drawn again without a notice: it says how long ago things were."""


@dataclass(frozen=True, slots=True)
class Row:
    """One student on the page, and what the reader has asked of them."""

    seat: Seat
    knock: Knock | None


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
def course_live(request: CourseRequest) -> HttpResponse:
    """Who is there, how far, and who needs help; only the part that changes when htmx asks."""
    course, now = request.course, timezone.now()
    version = version_of(course)  # Before the rest: what changes meanwhile is drawn again.
    seats = seats_of(course, now=now)
    knocks = knocks_by(request.user, course, now=now)
    form = LiveForm(request.GET, sections=sorted({seat.section for seat in seats if seat.section}))
    found = chosen(seats, group=form.group, section=form.part, order=form.order)
    page = Paginator(found, SEATS_ON_A_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "course": course,
        "standing": request.standing,
        "here": "live",
        "version": version,
        "form": form,
        "group": form.group,
        "page": page,
        "rows": [Row(seat, knocks.get(seat.membership_id)) for seat in page],
        "hands": [Row(seat, knocks.get(seat.membership_id)) for seat in hands_of(seats)],
        "counts": {
            "all": len(seats),
            "here": sum(seat.is_here for seat in seats),
            "stuck": sum(seat.is_stuck for seat in seats),
        },
        "refresh_seconds": REFRESH_SECONDS,
        "live_places": [] if request.htmx else _added(request),
    }
    template = "classes/course_live.html"
    return render(request, f"{template}#now" if request.htmx else template, context)


def _added(request: CourseRequest) -> list[NavPlace]:
    return [place for extension in extensions() for place in extension.live(request.standing)]
