"""A browser's leave to enter one server: a one-time ticket that becomes a cookie on the server's origin."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Admission(models.Model):
    """Bound to one person, one server and the session that asked for it.

    Ticket and cookie are stored as hashes only. `session_key` and `session_hash` tie it to the person's
    session on Carrel's own origin: signing out or changing the password ends it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="admissions")
    server = models.ForeignKey("environments.NotebookServer", on_delete=models.CASCADE, related_name="admissions")
    session_key = models.CharField(max_length=64)
    session_hash = models.CharField(max_length=128)
    ticket_hash = models.CharField(max_length=64, unique=True)
    ticket_expires_at = models.DateTimeField()
    cookie_hash = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - NULL until redeemed
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user} into {self.server}"
