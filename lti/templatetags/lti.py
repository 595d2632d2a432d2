"""What pages of other apps say of learning platforms."""

from __future__ import annotations

from django import template

from lti.models import Platform

register = template.Library()

STATE_LOOKS = {
    Platform.State.PENDING: ("queued", "hourglass-split"),
    Platform.State.ACTIVE: ("running", "check-lg"),
    Platform.State.DISABLED: ("stopped", "pause-fill"),
}
"""The look of a server's state that each has, and its icon."""


@register.simple_tag
def platforms_waiting() -> int:
    """How many wait for approval."""
    return Platform.objects.waiting().count()


@register.inclusion_tag("components/_status.html")
def platform_state(platform: Platform) -> dict[str, object]:
    """Its state as word and icon."""
    look, icon_name = STATE_LOOKS[Platform.State(platform.state)]
    return {"state": look, "words": platform.get_state_display(), "icon_name": icon_name}
