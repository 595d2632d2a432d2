"""Tags of this app's pages."""

from __future__ import annotations

from django import template

from environments.models import NotebookServer
from environments.references import title_of
from environments.values import Reference

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
    return title_of(reference)
