"""Tags of this app's pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from environments import references, values
from environments.models import NotebookServer
from environments.values import Reference
from environments.views.stopping import Ending

register = template.Library()

State = NotebookServer.State
STATE_ICONS = {
    State.QUEUED: "hourglass-split",
    State.BUILDING: "tools",
    State.STARTING: "hourglass-split",
    State.RUNNING: "check-circle-fill",
    State.STOPPING: "hourglass-split",
    State.STOPPED: "moon-stars",
    State.FAILED: "exclamation-triangle-fill",
}


@register.inclusion_tag("components/_status.html")
def status(state: str) -> dict[str, object]:
    """The state of a server as word and icon."""
    known = State(state)
    return {"state": known.value, "words": known.label, "icon_name": STATE_ICONS[known]}


@register.filter
def title(reference: Reference) -> str:
    """The short name of a repository, as people say it."""
    return references.title_of(reference)


@register.filter
def address(repository_url: str) -> str:
    """Where a resolved repository is, as a browser understands it; the name of an example that comes with Carrel."""
    return references.unmarked(repository_url).removeprefix("example:")


@register.filter
def short_commit(commit: str) -> str:
    """As much of the name of a commit or version as is worth showing."""
    return values.short_commit(commit)


@register.filter
def breakable(address: str) -> SafeString:
    """The address of a repository without its scheme, to be broken after its slashes where it does not fit."""
    parts = address.removeprefix("https://").split("/")
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in parts))


@register.filter
def amount(value: float, digits: int = 1) -> str:
    """A number to compare with others: nothing is a dash, and a little is not nothing."""
    if not value:
        return "–"
    least = 10**-digits
    return f"< {number_format(least, digits)}" if value < least / 2 else number_format(round(value, digits), digits)


@register.inclusion_tag("environments/_ending.html")
def ending_sentence(ending: Ending, now: datetime | None = None) -> dict[str, object]:
    """When a server stops, and whether anything can be done about it."""
    return {"ending": ending, "moment": _moment(ending.at, now=now or timezone.now())}


def _moment(moment: datetime, *, now: datetime) -> SafeString:
    """A coming moment in the reader's zone, as part of a sentence: “tomorrow at 08:00”."""
    local = timezone.localtime(moment)
    facts = {"time": date_format(local, "H:i"), "day": date_format(local, "MONTH_DAY_FORMAT")}
    if moment <= now:
        words = _("any moment now")
    elif local.date() == timezone.localdate(now):
        words = _("at %(time)s") % facts
    elif local.date() == timezone.localdate(now) + timedelta(days=1):
        words = _("tomorrow at %(time)s") % facts
    else:
        words = _("on %(day)s at %(time)s") % facts
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)
