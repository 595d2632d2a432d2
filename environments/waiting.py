"""What somebody is told who waits for a server: for what, at which place, and how long that usually takes.

The estimates are the site's own recent history and nothing else. Where there is none, none is given.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from environments.errors import Explanation
from environments.models import Build, NotebookServer, Run
from environments.places import OF_PERSON, Hold, Standing, standings_of

BUILDS_SEEN = 200
RUNS_SEEN = 50
ENDS_SEEN = 20
ENDS_WITHIN = timedelta(hours=24)
A_MINUTE, AN_HOUR = 60, 3600

State = NotebookServer.State


@dataclass(frozen=True, slots=True)
class Wait:
    """How a server on its way comes along. `estimate_seconds` is until it runs; None if nobody can say."""

    place: int | None
    reason: Explanation | None
    estimate_seconds: int | None
    is_late: bool = False
    """Whether what is being done takes longer than usual."""
    is_own: bool = False
    """Whether the person can end it by stopping another server of theirs."""

    @property
    def hold(self) -> str:
        """What it waits for, as a code; empty if nothing holds it up."""
        return self.reason.code if self.reason else ""

    @property
    def hold_words(self) -> str:
        """The same in a few words, for the operator."""
        return _in_short(self.hold)

    @property
    def estimate(self) -> str:
        """How long it usually takes, in words; empty where it depends on the person."""
        if self.is_own:
            return ""
        if self.is_late:
            return _("This takes longer than usual.")
        if self.estimate_seconds is None:
            return _("How long it takes cannot be said: there is nothing to go by yet.")
        return _usually(self.estimate_seconds)

    @property
    def shown(self) -> tuple[int | None, str, str]:
        """What changes when a page should be drawn again."""
        return self.place, self.hold, self.estimate


def wait_of(server: NotebookServer, *, now: datetime, is_followed: bool = False) -> Wait | None:
    """How this server comes along; None if it is not on its way."""
    return waits_of([server], now=now, is_followed=is_followed).get(server.pk)


def waits_of(servers: Iterable[NotebookServer], *, now: datetime, is_followed: bool = False) -> dict[UUID, Wait]:
    """How those of these servers come along that are on their way, in as many queries for many as for one."""
    coming = [server for server in servers if server.is_on_the_way]
    if not coming:
        return {}
    standings, history = standings_of(coming, is_followed=is_followed), History(now)
    return {server.pk: _wait(server, standings.get(server.pk), history, now) for server in coming}


class History:
    """How long things took lately, asked for only where it is needed, and once."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def build_seconds(self, repository_url: str = "") -> float | None:
        """How long preparing this environment usually takes, or any if this one was not prepared lately."""
        own = self._builds.get(repository_url)
        every = [seconds for found in self._builds.values() for seconds in found]
        return median(own or every) if own or every else None

    @cached_property
    def start_seconds(self) -> float | None:
        """How long a start usually takes."""
        recent = Run.objects.exclude(running_at=None).order_by("-running_at")[:RUNS_SEEN]
        times = recent.values_list("began_at", "running_at")
        took = [(ran - began).total_seconds() for began, ran in times if ran is not None]
        return median(took) if took else None

    @cached_property
    def seconds_between_ends(self) -> float | None:
        """How much time usually passes until a place becomes free; the longer nothing has ended, the more."""
        recent = Run.objects.filter(ended_at__gt=self._now - ENDS_WITHIN, ended_at__lte=self._now)
        ends = list(recent.order_by("-ended_at").values_list("ended_at", flat=True)[:ENDS_SEEN])
        return (self._now - ends[-1]).total_seconds() / len(ends) if ends else None  # type: ignore[operator]

    @cached_property
    def _builds(self) -> dict[str, list[float]]:
        """How long recent builds took, by repository. One that found everything there already took no time."""
        done = Build.objects.filter(state=Build.State.SUCCEEDED, finished_at__gt=F("started_at") + timedelta(seconds=1))
        columns = ("repository_url", "started_at", "finished_at")
        took = defaultdict(list)
        for url, started, finished in done.order_by("-finished_at").values_list(*columns)[:BUILDS_SEEN]:
            took[url].append((finished - started).total_seconds())
        return took


# --- Steps -------------------------------------------------------------------------------------------------


def _wait(server: NotebookServer, standing: Standing | None, history: History, now: datetime) -> Wait:
    if standing is None:
        return _under_way(server, history, now)
    seconds = _until_turn(server, standing, history)
    start = history.start_seconds if seconds is not None else None
    return Wait(
        place=standing.place,
        reason=_reason(standing),
        estimate_seconds=None if seconds is None or start is None else math.ceil(seconds + start),
        is_own=standing.hold in OF_PERSON,
    )


def _until_turn(server: NotebookServer, standing: Standing, history: History) -> float | None:
    """Seconds until it is being started."""
    if server.build is not None and server.build.is_active:
        others, own = history.build_seconds(), history.build_seconds(server.repository_url)
        return None if others is None or own is None else _turns(standing, settings.BUILD_CONCURRENCY) * others + own
    if standing.hold in (None, Hold.STARTS):
        start = history.start_seconds
        return None if start is None else _turns(standing, settings.START_CONCURRENCY) * start
    if standing.hold in (Hold.SITE_SERVERS, Hold.SITE_MEMORY):
        gap = history.seconds_between_ends
        return None if gap is None else standing.place * gap
    return None


def _turns(standing: Standing, at_once: int) -> int:
    """How many others, one after the other, are done before it is its turn."""
    return math.ceil(standing.place / max(1, at_once)) - (standing.hold is None)


def _under_way(server: NotebookServer, history: History, now: datetime) -> Wait:
    """Of one that is being prepared or started."""
    build, start = server.build, history.start_seconds
    if server.state == State.STARTING:
        usually, since = start, server.state_changed_at
    else:
        usually = history.build_seconds(server.repository_url)
        since = (build and build.started_at) or server.state_changed_at
    if usually is None or start is None:
        return Wait(None, None, None)
    left = usually - (now - since).total_seconds()
    if left < 0:
        return Wait(None, None, None, is_late=True)
    return Wait(None, None, math.ceil(left if server.state == State.STARTING else left + start))


def _usually(seconds: int) -> str:
    if seconds < A_MINUTE:
        return _("Less than a minute, usually.")
    if seconds < AN_HOUR:
        minutes = round(seconds / A_MINUTE)
        return ngettext("About %(n)d minute, usually.", "About %(n)d minutes, usually.", minutes) % {"n": minutes}
    hours = round(seconds / AN_HOUR)
    return ngettext("About %(n)d hour, usually.", "About %(n)d hours, usually.", hours) % {"n": hours}


def _in_short(hold: str) -> str:
    if hold in OF_PERSON:
        return _("other servers of the same person")
    words = {
        Hold.BUILDS: _("a place to be prepared"),
        Hold.STARTS: _("others that start"),
        Hold.SITE_SERVERS: _("a free place"),
        Hold.SITE_MEMORY: _("free memory"),
        Hold.GROUP_SERVERS: _("others of its class or group"),
        Hold.GROUP_MEMORY: _("others of its class or group"),
        Hold.GROUP_CPUS: _("others of its class or group"),
        Hold.REPOSITORY_SERVERS: _("others of its repository"),
    }
    return next((text for known, text in words.items() if known == hold), "")


def _reason(standing: Standing) -> Explanation | None:
    """For what it waits, and what ends that; None if it is its turn."""
    if standing.hold in (None, Hold.TOO_LARGE):
        return None
    sentence, next_step = _words(standing.hold, int(standing.used), int(standing.limit))
    numbers = {"used": f"{standing.used:g}", "limit": f"{standing.limit:g}"}
    return Explanation(str(standing.hold), sentence % numbers, next_step)


def _words(hold: Hold, used: int, limit: int) -> tuple[str, str]:
    as_soon = _("It starts as soon as one is free.")
    stop_one = _("Stop one of them to start this one at once.")
    return {
        Hold.BUILDS: (
            ngettext(
                "The one place to prepare environments is taken.",
                "All %(limit)s places to prepare environments are taken.",
                limit,
            ),
            _("Yours is prepared as soon as one is free."),
        ),
        Hold.STARTS: (_("Other servers are being started just now."), _("This one follows in a moment.")),
        Hold.SITE_SERVERS: (
            ngettext("The one place for servers is taken.", "All %(limit)s places for servers are taken.", limit),
            as_soon,
        ),
        Hold.SITE_MEMORY: (
            _("There is too little memory left for it: other servers have taken %(used)s of %(limit)s MB."),
            _("It starts as soon as there is enough."),
        ),
        Hold.PERSON_SERVERS: (
            ngettext(
                "You have %(used)s server running, which is as many as you may.",
                "You have %(used)s servers running, which is as many as you may.",
                used,
            ),
            ngettext("Stop it to start this one at once.", "Stop one of them to start this one at once.", used),
        ),
        Hold.PERSON_MEMORY: (
            _("Your running servers have %(used)s of the %(limit)s MB of memory you may have: too little is left."),
            stop_one,
        ),
        Hold.PERSON_CPUS: (
            _("Your running servers have %(used)s of the %(limit)s processors you may have: too few are left."),
            stop_one,
        ),
        Hold.GROUP_SERVERS: (
            _("As many servers of your class or group run as may at the same time: %(limit)s."),
            as_soon,
        ),
        Hold.GROUP_MEMORY: (
            _("The running servers of your class or group have %(used)s of its %(limit)s MB of memory."),
            _("It starts as soon as there is enough."),
        ),
        Hold.GROUP_CPUS: (
            _("The running servers of your class or group have %(used)s of its %(limit)s processors."),
            _("It starts as soon as there are enough."),
        ),
        Hold.REPOSITORY_SERVERS: (
            _("As many servers of this repository run as may at the same time: %(limit)s."),
            as_soon,
        ),
    }[hold]
