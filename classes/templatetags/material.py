"""What a member of a class is told of the material that came into their files."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from classes.material import news_for
from classes.models import Course
from environments.views.versions import NEW_FOR, merge_of

register = template.Library()


@register.inclusion_tag("classes/_material_news.html")
def material_news(course: Course, person: User) -> dict[str, Any]:
    """What last came into this person's files of the class, and what of it was put beside. One question."""
    row = news_for(course, person)
    if row is None:
        return {"is_there": False}
    report = row.reports[0] if row.reports else None
    came_at = parse_datetime(report["at"]) if report else None
    return {
        "is_there": True,
        "failure": row.failure,
        "merge": merge_of(report) if report else None,
        "came_at": came_at,
        "is_new": came_at is not None and timezone.now() - came_at < NEW_FOR,
    }
