"""Reading the whole list of a course's people from its platform: every page, or an error."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from environments.references.http import Answer
from lti.errors import LtiError, LtiFailure
from lti.models import Context
from lti.paging import PageElsewhere, PageUnreadable, next_page
from lti.rosters.pages import Listed, members_on, together
from lti.services import MEMBERS, ask, document_of

MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
MAX_PAGES = 400
MAX_PEOPLE = 10_000


def read_list(
    context: Context, *, seconds: float, now: datetime, tick: Callable[[], float] = time.monotonic
) -> list[Listed]:
    """Everybody whom the platform lists in this course, each once.

    Raises LtiError `roster_nowhere` where nobody knows where to ask, `roster_slow` when it is not done after so many
    seconds, `roster_unreached`, `roster_refused`, `roster_unreadable`, `roster_elsewhere`, `roster_endless`, and what
    `access_token` raises.
    """
    platform, url, began = context.deployment.platform, context.memberships_url, tick()
    if not url:
        raise LtiError("roster_nowhere", platform=platform.name)
    found: dict[str, Listed] = {}
    asked: set[str] = set()
    while url:
        if url in asked or len(asked) == MAX_PAGES:
            raise LtiError("roster_endless", platform=platform.name, people=MAX_PEOPLE)
        if tick() - began > seconds:
            raise LtiError("roster_slow", platform=platform.name, seconds=int(seconds))
        asked.add(url)
        answer = _ask(context, url, now=now)
        try:
            for one in members_on(document_of(answer), context_id=context.context_id):
                found[one.sub] = together(found[one.sub], one) if one.sub in found else one
            url = next_page(answer.headers.get("link", ""), of=url)
        except LtiError as error:
            raise LtiError(error.code, platform=platform.name, detail=error.detail) from error
        except PageElsewhere as error:
            raise LtiError("roster_elsewhere", platform=platform.name, detail=str(error)) from error
        except PageUnreadable as error:
            raise LtiError("roster_unreadable", platform=platform.name, detail=str(error)) from error
        if len(found) > MAX_PEOPLE:
            raise LtiError("roster_endless", platform=platform.name, people=MAX_PEOPLE)
    return [*found.values()]


def _ask(context: Context, url: str, *, now: datetime) -> Answer:
    platform = context.deployment.platform
    try:
        answer = ask(platform, "GET", url, scopes=[MEMBERS], accept=MEDIA_TYPE, now=now)
    except LtiFailure as error:
        raise LtiError("roster_unreached", platform=platform.name, detail=error.detail) from error
    if answer.status in (401, 403, 404) and not answer.has_had_enough:
        raise LtiError("roster_refused", platform=platform.name, detail=f"HTTP status {answer.status}")
    if answer.status != 200:
        raise LtiError("roster_unreached", platform=platform.name, detail=f"HTTP status {answer.status}")
    return answer
