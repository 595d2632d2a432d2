"""Who uses the most, as the operator's page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Aggregate,
    BigIntegerField,
    Count,
    Field,
    FloatField,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from accounts.models import User
from environments.models import NotebookServer, ServerUsage, Volume

ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class PersonUse:
    """What one person's servers and files take."""

    name: str
    servers: int
    cores: float
    memory_bytes: int
    file_bytes: int


def heaviest_people() -> list[PersonUse]:
    """Those whose servers use the most memory now, and those whose files take the most room."""
    running = NotebookServer.objects.filter(state=NotebookServer.State.RUNNING)
    measured = ServerUsage.objects.filter(server__state=NotebookServer.State.RUNNING)
    people = User.objects.annotate(
        count=_per_person(running, "owner", Count("pk"), IntegerField()),
        cores=_per_person(measured, "server__owner", Sum("cores"), FloatField()),
        memory=_per_person(measured, "server__owner", Sum("memory_bytes"), BigIntegerField()),
        files=_per_person(Volume.objects.all(), "owner", Sum("bytes"), BigIntegerField()),
    ).values_list("username", "display_name", "count", "cores", "memory", "files")
    busy = people.filter(count__gt=0).order_by("-memory", "username")[:ROWS_SHOWN]
    full = people.filter(files__gt=0).order_by("-files", "username")[:ROWS_SHOWN]
    rows = [PersonUse(display_name or username, *use) for username, display_name, *use in {*busy, *full}]
    return sorted(rows, key=lambda row: (-row.memory_bytes, -row.servers, -row.file_bytes, row.name))


def _per_person(rows: QuerySet[Any], owner: str, value: Aggregate, kind: Field[Any, Any]) -> Coalesce:
    """The value of all the rows of one person, 0 where there is none."""
    mine = rows.filter(**{owner: OuterRef("pk")}).order_by().values(owner)
    return Coalesce(Subquery(mine.annotate(value=value).values("value")), 0, output_field=kind)
