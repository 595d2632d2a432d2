"""Filters that say what lateness costs, in words."""

from __future__ import annotations

from django import template

from assignments.deadlines import LateRule
from assignments.late_words import duration, words_of
from assignments.models import Assignment

register = template.Library()


@register.filter
def time_words(minutes: int) -> str:
    """So many minutes, as people say them: “3 days”."""
    return duration(minutes)


@register.filter
def late_words(assignment: Assignment) -> list[str]:
    """What lateness costs in it, a sentence each; none where nothing is due."""
    return words_of(LateRule.from_json(assignment.late)) if assignment.due_at else []
