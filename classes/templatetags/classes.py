"""Tags of the pages of a class: when things are, as people say it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from classes.extensions import NavPlace, extensions
from classes.models import Lesson
from classes.policies import Standing

register = template.Library()

BEHIND_SETTINGS = ("settings", "environment", "material", "keeping")
"""What the pages call themselves that a class has there by itself."""


@register.simple_tag
def places_added(standing: Standing) -> list[NavPlace]:
    """Where one can go in a class beside what it has by itself."""
    return [place for extension in extensions() for place in extension.places(standing)]


@register.simple_tag
def settings_added(standing: Standing) -> list[NavPlace]:
    """What a teacher can set in a class beside what it has by itself."""
    return [place for extension in extensions() for place in extension.settings(standing)]


@register.simple_tag
def is_behind_settings(here: str, added: Sequence[NavPlace]) -> bool:
    """Whether a page is one of those behind the settings of a class."""
    return here in BEHIND_SETTINGS or here in {place.here for place in added}


@register.simple_tag
def lesson_time(lesson: Lesson, now: datetime | None = None) -> SafeString | str:
    """When a lesson is, in the reader's zone: “today, 10:00–12:00”. Empty where it has no date."""
    if lesson.starts_at is None:
        return ""
    return _time(lesson.starts_at, _span(lesson.starts_at, lesson.ends_at, now or timezone.now()))


@register.simple_tag
def moment(at: datetime, now: datetime | None = None) -> SafeString:
    """A moment in the reader's zone: “tomorrow, 10:00”."""
    return _time(at, _span(at, None, now or timezone.now()))


def _time(at: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', timezone.localtime(at).isoformat(), words)


def _span(starts_at: datetime, ends_at: datetime | None, now: datetime) -> str:
    first, today = timezone.localtime(starts_at), timezone.localdate(now)
    start = pgettext("day and time", "%(day)s, %(time)s") % {
        "day": _day(first.date(), today),
        "time": date_format(first, "H:i"),
    }
    if ends_at is None or ends_at == starts_at:
        return start
    last = timezone.localtime(ends_at)
    if last.date() == first.date():
        return f"{start}–{date_format(last, 'H:i')}"
    end = {"day": _day(last.date(), today), "time": date_format(last, "H:i")}
    return f"{start} – {pgettext('day and time', '%(day)s, %(time)s') % end}"


def _day(day: date, today: date) -> str:
    if day == today:
        return pgettext("day", "today")
    if day == today + timedelta(days=1):
        return pgettext("day", "tomorrow")
    if day == today - timedelta(days=1):
        return pgettext("day", "yesterday")
    # Translators: formats of dates, as Django writes them: Mon 2 March, and with its year 2 March 2026.
    is_near = abs((day - today).days) < 180
    return date_format(day, pgettext("date format", "D j F") if is_near else pgettext("date format", "j F Y"))
