"""What a person gave Carrel to show one git host, so that their private repositories can be fetched."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class GitCredential(models.Model):
    """One person's username and token for one host. The token is sealed: `git_credentials.py` alone opens it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="git_credentials")
    origin = models.CharField(max_length=300)
    """The one place it is shown to: `https://host[:port]`, as `references.origin_in` spells it."""
    username = models.CharField(max_length=200)
    sealed_password = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["origin"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "origin"], name="one_git_credential_per_person_and_host"),
        ]

    def __str__(self) -> str:
        return f"{self.username} at {self.host}"

    @property
    def host(self) -> str:
        """The origin as people call it."""
        return self.origin.removeprefix("https://")
