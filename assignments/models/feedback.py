"""What students are told of their grades, and what they ask about them."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from assignments.models.submission import Submission


class Feedback(models.Model):
    """That the student may read what came of a submission."""

    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="feedback")
    message = models.TextField(_("message to the student"), max_length=4000, blank=True)
    published_at = models.DateTimeField(default=timezone.now)
    published_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    read_at = models.DateTimeField(null=True, blank=True)
    """When the student first opened it."""
    terms = models.JSONField(null=True, blank=True)
    """What its points rested on when it was published: `freezing.Terms`; None before that was kept."""

    class Meta:
        verbose_name = _("feedback")
        ordering = ["-published_at"]

    def __str__(self) -> str:
        return f"feedback to {self.submission}"


class RegradeRequest(models.Model):
    """A student's question about their points for a cell, or for the whole."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("question about points", "Open")
        CHANGED = "changed", _("Points changed")
        KEPT = "kept", _("Points kept")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="regrade_requests")
    notebook = models.CharField(max_length=200, blank=True)
    grade_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("request to look again")
        verbose_name_plural = _("requests to look again")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "notebook", "grade_id"],
                condition=models.Q(state="open"),
                name="one_open_request_per_cell",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("open", "changed", "kept")), name="request_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"request about {self.submission}"


class RegradeMessage(models.Model):
    """One message in the thread of a request."""

    request = models.ForeignKey(RegradeRequest, on_delete=models.CASCADE, related_name="messages")
    text = models.TextField(max_length=4000)
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"message at {self.request}"
