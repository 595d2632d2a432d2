"""How far the people of a course over there and those of its class here have been brought together."""

from __future__ import annotations

from django.db import models

from environments.errors import Explanation, explain
from lti.errors import REASONS
from lti.models.context import Context


class Roster(models.Model):
    """The list of one course's people: when it was last taken over whole, and what has stood in the way since."""

    context = models.OneToOneField(Context, on_delete=models.CASCADE, related_name="roster")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when somebody who reads the list is waited for; None when nobody does."""
    tried_at = models.DateTimeField(null=True, blank=True)
    """When it was last asked for, by whomever."""
    completed_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    """How many came, went and so on when it was last taken over."""
    failed_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    """Why it was not, the last time, if it was not."""
    listed = models.JSONField(default=list, blank=True)
    """What was read and waits for a teacher to say that it is right; forgotten after an hour, for the names in it."""
    listed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"people of {self.context}"

    @property
    def failure(self) -> Explanation | None:
        """What has gone wrong since it was last taken over, in words."""
        return explain(self.failure_code, self.failure_facts, reasons=REASONS) if self.failure_code else None
