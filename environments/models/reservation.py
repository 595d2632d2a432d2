"""Servers that are to be running at a certain time, before anybody asks for them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from environments.errors import Explanation, explain
from environments.models.target import TargetFields
from environments.values import LaunchSpec, MountWish


class Reservation(TargetFields):
    """One server of one person for one time, from when it is asked for until that time is over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reservations")
    group = models.ForeignKey(
        "auth.Group", null=True, blank=True, on_delete=models.CASCADE, related_name="reservations"
    )
    name = models.CharField(max_length=40)
    """The server's."""
    mounts = models.JSONField(default=list, blank=True)
    """The shared files it is to have, each as name, path, and whether it is read only."""
    ready_at = models.DateTimeField()
    until = models.DateTimeField(db_index=True)
    """When it is stopped if nobody has come."""
    started_at = models.DateTimeField(null=True, blank=True)
    """When it was launched for this; None as long as it was not, be it that it ran already."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["ready_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name", "ready_at"], name="one_reservation_of_a_server_and_time"),
            models.CheckConstraint(
                condition=models.Q(until__gt=models.F("ready_at")), name="reservation_ends_after_its_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.ready_at:%Y-%m-%d %H:%M}"

    @property
    def wishes(self) -> tuple[MountWish, ...]:
        """The shared files it is to have, by path."""
        return tuple(MountWish(*mount) for mount in self.mounts)

    @property
    def spec(self) -> LaunchSpec:
        """The launch that it is."""
        return LaunchSpec(
            self.reference,
            name=self.name,
            urlpath=self.urlpath,
            limits=self.limits,
            idle_minutes=self.idle_minutes,
            lifetime_minutes=self.lifetime_minutes,
            mounts=self.wishes,
        )

    @property
    def failure(self) -> Explanation | None:
        """Why it could not be launched, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None
