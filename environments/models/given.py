"""Files that wait for a server of somebody's, to be in it when they open it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from environments.errors import Explanation, explain


class GivenFiles(models.Model):
    """A volume whose files come into one server of this person's: the one of this name that is run for this group."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="given_files")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="given_files")
    name = models.CharField(max_length=40)
    """Of the server."""
    volume_key = models.CharField(max_length=80, unique=True)
    folder = models.CharField(max_length=120)
    """Where they go in a server that has been used already."""
    max_bytes = models.BigIntegerField()
    asked_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that gives them has promised to be alive."""
    given_at = models.DateTimeField(null=True, blank=True)
    given_in = models.CharField(max_length=140, blank=True)
    """The folder they were put into; empty if each was put in its place."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "name"], name="given_files_owner_and_name")]

    def __str__(self) -> str:
        return f"files for {self.name} of {self.owner}"

    @property
    def failure(self) -> Explanation | None:
        """Why they could not be given the last time, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None
