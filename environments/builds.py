"""Builds: asked for once per image key, run by one worker under a lease, their log kept line by line."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.models import User
from environments import naming
from environments.backends import builder
from environments.builders.redaction import redact
from environments.errors import Cancelled, EnvironmentsError, SystemFailure
from environments.git_credentials import credential_for_build
from environments.leases import Pulse, kept_alive, lease_from
from environments.ledger import charge_build
from environments.live import announce_build
from environments.models import Build, BuildLogLine
from environments.queueing import enqueue
from environments.references.credentials import spellings_of
from environments.values import BuildEvent, BuildPhase, BuildRequest, ResolvedRepository

logger = logging.getLogger(__name__)

MAX_LOG_HEAD = 4000
MAX_LOG_TAIL = 500
"""Of a longer log the first and the last lines are kept, and how many are missing between."""
MAX_LINE = 2000
_FLUSH_SECONDS = 0.3

Clock = Callable[[], datetime]


def image_key_for(repository: ResolvedRepository, *, private_to: UUID | None) -> str:
    """The key of the image that the present builder makes of this commit, for the person of this id if private."""
    made_by = builder()
    return naming.image_key(
        repository,
        builder=made_by.name,
        version=made_by.version,
        platform=made_by.platform,
        private_to=str(private_to or ""),
    )


def request_build(image_key: str, repository: ResolvedRepository, *, requested_by: User | None, now: datetime) -> Build:
    """The build under way for this key, or a new one that waits for a worker.

    However many ask at the same moment, there is one: the database sees to it.
    """
    try:
        with transaction.atomic():
            build = Build.objects.create(
                image_key=image_key,
                builder=builder().name,
                repository_url=repository.url,
                commit=repository.commit,
                ref=repository.ref,
                is_private=repository.is_private,
                requested_by=requested_by,
            )
            enqueue_build(build)
            return build
    except IntegrityError:
        build_under_way = Build.objects.filter(image_key=image_key, state__in=Build.ACTIVE).first()
        if build_under_way is None:  # It ended in this very moment.
            return request_build(image_key, repository, requested_by=requested_by, now=now)
        return build_under_way


def was_built(image_key: str) -> bool:
    """Whether this image was made once, as far as the rows know; it may have been removed since."""
    return Build.objects.filter(image_key=image_key, state=Build.State.SUCCEEDED).exists()


def enqueue_build(build: Build) -> None:
    """Ask a worker to run this build; asking twice does no harm."""
    enqueue("run_build", build.pk)


def enqueue_waiting_builds() -> None:
    """Ask workers to run as many waiting builds, oldest first, as there are free places."""
    for build in Build.objects.filter(state=Build.State.QUEUED)[: max(0, _free_places())]:
        enqueue_build(build)


def claim_build(build: Build, *, now: datetime) -> bool:
    """Make this worker the one that runs the build; False when there is no place or another has it."""
    if build.state != Build.State.QUEUED or _free_places() <= 0:
        return False
    claimed = Build.objects.move(build, Build.State.FETCHING, started_at=now, lease_expires_at=lease_from(now))
    if claimed:
        announce_build(build)
    return claimed


def run_claimed_build(build: Build, *, clock: Clock = timezone.now) -> None:
    """Build the image and record how it ended; raises nothing but what is a bug.

    Stops, and removes what it made, when somebody cancels or when its lease was taken away.
    """
    log = _BuildLog(build)
    try:
        with kept_alive(lambda: _renew_lease(build, clock())):
            _drive(build, log, clock)
    except EnvironmentsError as error:
        logger.info("build %s of %s ended: %s", build.pk, build, error)
        _end(build, log, clock, error)
    except Exception:
        _end(build, log, clock, EnvironmentsError("unexpected"))
        raise
    else:
        _end(build, log, clock, None)


def fail_interrupted_build(build: Build, *, now: datetime) -> None:
    """End a build whose worker died: what it left is removed, and everybody who waits is told.

    They are told too while the engine does not answer; the next build of this image removes what was left then.
    """
    try:
        builder().discard(build.image_key)
    except SystemFailure as trouble:
        logger.warning("build %s could not be tidied up yet: %s", build.pk, trouble)
    log = _BuildLog(build)
    _end(build, log, lambda: now, EnvironmentsError("build_interrupted"))


def cancel_build(build: Build, *, now: datetime) -> None:
    """Cancel a build nobody waits for any more; does nothing to one that has ended."""
    if build.state == Build.State.QUEUED and Build.objects.move(build, Build.State.CANCELLED, finished_at=now):
        announce_build(build)
        return
    Build.objects.filter(pk=build.pk, state__in=Build.ACTIVE).update(cancel_requested_at=now)


def log_after(build: Build, sequence: int, *, limit: int = 1000) -> list[BuildLogLine]:
    """The log lines after the one with this sequence number, at most `limit` of them."""
    return list(build.log_lines.filter(sequence__gt=sequence)[:limit])


def queue_place(build: Build) -> int | None:
    """Its place among the waiting, the next being 1; None when it does not wait."""
    if build.state != Build.State.QUEUED:
        return None
    return Build.objects.filter(state=Build.State.QUEUED, created_at__lt=build.created_at).count() + 1


def _free_places() -> int:
    return int(settings.BUILD_CONCURRENCY) - Build.objects.filter(state__in=Build.UNDER_WAY).count()


def _drive(build: Build, log: _BuildLog, clock: Clock) -> None:
    if builder().find(build.image_key):  # Made while this build waited.
        return
    credential = credential_for_build(build, now=clock())
    log.secrets = spellings_of(credential)
    limit = settings.BUILD_TIME_LIMIT_SECONDS
    request = BuildRequest(str(build.pk), build.image_key, build.resolved, limit, credential)
    asking, flushing = Pulse(), Pulse(_FLUSH_SECONDS)
    with closing(builder().build(request)) as events:
        for event in events:
            log.add(event)
            if event.phase == BuildPhase.BUILDING and build.state == Build.State.FETCHING:
                _enter_building(build)
            if flushing.is_due():
                log.flush()
            if asking.is_due() and not _is_wanted(build):
                raise Cancelled("build_cancelled")


def _enter_building(build: Build) -> None:
    if Build.objects.move(build, Build.State.BUILDING):
        announce_build(build)


def _is_wanted(build: Build) -> bool:
    """Whether nobody has cancelled it, nor ended it because this worker seemed to be dead."""
    return Build.objects.filter(pk=build.pk, state=build.state, cancel_requested_at=None).exists()


def _renew_lease(build: Build, now: datetime) -> bool:
    ours = Build.objects.filter(pk=build.pk, state__in=Build.UNDER_WAY)
    return bool(ours.update(lease_expires_at=lease_from(now)))


def _end(build: Build, log: _BuildLog, clock: Clock, error: EnvironmentsError | None) -> None:
    log.close()
    state, failure = Build.State.SUCCEEDED, {}
    if error is not None:
        state = Build.State.CANCELLED if isinstance(error, Cancelled) else Build.State.FAILED
        failure = {"failure_code": error.code, "failure_facts": error.facts}
    with transaction.atomic():
        if Build.objects.move(build, state, finished_at=clock(), lease_expires_at=None, **failure):
            charge_build(build)
            announce_build(build)
            return
    logger.warning("build %s was ended by somebody else while it ran", build.pk)


class _BuildLog:
    """Writes log lines in batches, redacted and bounded before they are stored."""

    def __init__(self, build: Build) -> None:
        self._build = build
        last = build.log_lines.aggregate(last=models.Max("sequence"))["last"]
        self._sequence: int = last or 0
        self._head: list[BuildLogLine] = []
        self._tail: deque[BuildEvent] = deque(maxlen=MAX_LOG_TAIL)
        self._left_out = 0
        self.secrets: tuple[str, ...] = ()
        """What may not get into a line, whatever prints it."""

    def add(self, event: BuildEvent) -> None:
        """Take one line; events without text are only signs of life."""
        if not event.text:
            return
        if self._sequence < MAX_LOG_HEAD:
            self._append(event.phase, event.text)
        else:
            self._left_out += len(self._tail) == MAX_LOG_TAIL
            self._tail.append(event)

    def flush(self) -> None:
        """Store what has come and wake whoever follows."""
        if self._head:
            BuildLogLine.objects.bulk_create(self._head)
            self._head = []
            announce_build(self._build)

    def close(self) -> None:
        """Store the rest: the last lines of a log too long to keep whole."""
        if self._left_out:
            self._append(BuildPhase.BUILDING, f"… {self._left_out} …")
        while self._tail:
            event = self._tail.popleft()
            self._append(event.phase, event.text)
        self.flush()

    def _append(self, phase: BuildPhase, text: str) -> None:
        self._sequence += 1
        clean = redact(text.replace("\x00", ""), secrets=self.secrets)[:MAX_LINE]
        self._head.append(BuildLogLine(build=self._build, sequence=self._sequence, phase=phase, text=clean))
