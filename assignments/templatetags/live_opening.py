"""The part of a grader's page that opens the submission live, and says what that is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import template
from django.conf import settings

from assignments.models import Submission
from environments.backends import spawner
from environments.errors import SystemFailure

register = template.Library()


@register.inclusion_tag("assignments/_open_live.html", takes_context=True)
def open_live(context: dict[str, Any], submission: Submission, notebook: str = "") -> dict[str, Any]:
    """The button, at this notebook; nothing for whoever may not grade."""
    is_kept_apart = True
    with suppress(SystemFailure):  # Whoever presses the button is told.
        is_kept_apart = spawner().name != "process"
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
        "course": context["course"],
        "assignment": context["assignment"],
        "can_grade": context["can_grade"],
        "submission": submission,
        "notebook": notebook,
        "minutes": settings.COPY_LIFETIME_MINUTES,
        "most": settings.COPIES_PER_PERSON,
        "is_kept_apart": is_kept_apart,
    }
