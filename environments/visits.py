"""Who is in a shared server now, and who was: noted by the gateway, read by the server's page.

What is noted is a stretch of time, not each request, and only of servers that are shared. The list is bounded: it
tells an owner who comes and goes, and is not a record of anybody's day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from environments.models import Collaborator, NotebookServer, Visit

NOTED_EVERY = timedelta(seconds=30)
"""How often at most it is noted that somebody is still there."""
PRESENT_FOR = 2 * NOTED_EVERY
"""Who was noted within this time counts as being there."""
GAP = timedelta(minutes=10)
"""Who comes back sooner has not been away."""
MAX_VISITS = 200
KEPT_FOR = timedelta(days=90)


def note_visit(server_id: UUID, person_id: UUID, *, now: datetime) -> None:
    """Note that this person is in the server: that they are still there, or that they have come."""
    if _go_on(server_id, person_id, now):
        return
    with transaction.atomic():
        # A page asks many things at once, perhaps of several processes of ours: one visit, not many.
        server = NotebookServer.objects.select_for_update().filter(pk=server_id).first()
        if server is None or _go_on(server_id, person_id, now):
            return
        Visit.objects.create(server=server, person_id=person_id, entered_at=now, last_seen_at=now)
        Collaborator.objects.filter(server=server, person_id=person_id).update(last_entered_at=now)
        _forget_oldest(server)


def visits_of(server: NotebookServer, *, count: int) -> list[Visit]:
    """The latest visits of the server, the last first."""
    return list(server.visits.select_related("person")[:count])


def is_present(visit: Visit, *, now: datetime) -> bool:
    """Whether the visit still lasts."""
    return visit.last_seen_at > now - PRESENT_FOR


def forget_old_visits(now: datetime) -> None:
    """Delete what is too long ago to matter."""
    Visit.objects.filter(last_seen_at__lt=now - KEPT_FOR).delete()


def _go_on(server_id: UUID, person_id: UUID, now: datetime) -> bool:
    lasting = Visit.objects.filter(server=server_id, person=person_id, last_seen_at__gt=now - GAP)
    return bool(lasting.update(last_seen_at=now))


def _forget_oldest(server: NotebookServer) -> None:
    oldest = list(server.visits.values_list("pk", flat=True)[MAX_VISITS:])
    Visit.objects.filter(pk__in=oldest).delete()
