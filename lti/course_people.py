"""What learning platforms add to the list of the people of a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from classes.extensions import Section
from classes.policies import Standing
from environments.errors import Explanation
from lti.errors import LtiError
from lti.models import Context, Platform, Roster


@dataclass(frozen=True, slots=True)
class Connected:
    """A course that is the class. `roster` is None where its list has never been asked for."""

    context: Context
    roster: Roster | None
    trouble: Explanation | None
    """What is in the way, in words."""

    @property
    def can_be_read(self) -> bool:
        """Whether it is known where to ask."""
        return bool(self.context.memberships_url)


class PeopleOfPlatforms:
    """How far the class has been brought together with the lists of its courses, and how that is done now."""

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """One for all courses that are the class; nothing where there are none. One question."""
        known = Context.objects.filter(course=standing.course, deployment__platform__state=Platform.State.ACTIVE)
        known = known.select_related("deployment__platform", "roster").order_by("created_at", "pk")
        connected = [_connected(context) for context in known]
        if not connected:
            return []
        facts = {"connected": connected, "course": standing.course, "can_change": standing.can_change}
        return [Section("lti/_rosters.html", facts)]


def _connected(context: Context) -> Connected:
    roster = getattr(context, "roster", None)
    if not context.memberships_url:
        platform = context.deployment.platform.name
        return Connected(context, roster, LtiError("roster_nowhere", platform=platform).explain())
    return Connected(context, roster, roster.failure if roster else None)
