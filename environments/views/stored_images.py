"""The images there are, as the operator's page shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Sum
from django.db.models.functions import Coalesce

from environments.models import Build, ImageRecord, NotebookServer

ROWS_SHOWN = 6
_KEY_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One image: what it was made from, and for how many servers it is kept."""

    address: str
    commit: str
    bytes: int
    used_at: datetime | None
    servers: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All of them in numbers; some of them by name."""

    count: int
    bytes: int
    budget_bytes: int
    largest: list[Row]
    longest_unused: list[Row]

    @property
    def percent(self) -> int:
        """How much of what they may take they take; never more than all of it."""
        return min(100, 100 * self.bytes // self.budget_bytes) if self.budget_bytes else 100


def images_summary() -> Summary:
    """What was last measured, in five queries however many images there are."""
    stored = ImageRecord.objects.exclude(own_bytes=None)
    numbers = stored.aggregate(count=Count("pk"), own=Sum("own_bytes"), shared=Max("shared_bytes"))
    largest = list(stored.order_by("-own_bytes")[:ROWS_SHOWN])
    longest_unused = list(stored.order_by(Coalesce("used_at", "made_at"))[:ROWS_SHOWN])
    facts = _facts_of({record.image_key for record in (*largest, *longest_unused)})
    return Summary(
        count=numbers["count"],
        bytes=(numbers["own"] or 0) + (numbers["shared"] or 0),
        budget_bytes=settings.IMAGE_DISK_BUDGET_GB * 1024**3,
        largest=[_row(record, facts) for record in largest],
        longest_unused=[_row(record, facts) for record in longest_unused],
    )


Facts = dict[str, tuple[str, str, int]]
"""Repository, commit and number of servers by image key."""


def _facts_of(keys: Collection[str]) -> Facts:
    """Of those that a build or a server still tells about."""
    builds = Build.objects.filter(image_key__in=keys).order_by()
    servers = NotebookServer.objects.filter(image_key__in=keys).order_by()
    facts = {key: (url, commit, 0) for key, url, commit in builds.values_list("image_key", "repository_url", "commit")}
    counted = servers.values_list("image_key", "repository_url", "commit").annotate(count=Count("pk"))
    return facts | {key: (url, commit, count) for key, url, commit, count in counted}


def _row(record: ImageRecord, facts: Facts) -> Row:
    url, commit, servers = facts.get(record.image_key, (record.image_key[:_KEY_SHOWN], "", 0))
    return Row(
        address=url,
        commit=commit,
        bytes=record.own_bytes or 0,
        used_at=record.used_at,
        servers=servers,
    )
