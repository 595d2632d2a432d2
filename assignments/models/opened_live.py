"""Which servers have a submission in them that a grader opened live."""

from __future__ import annotations

from django.db import models

from environments.models import NotebookServer


class OpenedLive(models.Model):
    """That a copy to try is a submission somebody grades, and no copy that they made for themselves."""

    server = models.OneToOneField(NotebookServer, on_delete=models.CASCADE, related_name="opened_live")
    opened_at = models.DateTimeField()
    """When its grader last pressed the button that leads to it."""

    def __str__(self) -> str:
        return f"{self.server}, opened live"
