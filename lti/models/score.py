"""Grades on their way to a platform: the columns they go into, and the outbox they leave through."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from assignments.models import Assignment, Grade
from environments.errors import Explanation
from lti.errors import explained
from lti.models.context import Context
from lti.models.person import LtiPerson
from lti.models.platform import MAX_ADDRESS, Platform
from lti.querysets import OutletQuerySet, ScoreQuerySet


class Outlet(models.Model):
    """Where grades leave for one platform: through one worker at a time, and not while it is left alone."""

    platform = models.OneToOneField(Platform, on_delete=models.CASCADE, primary_key=True, related_name="outlet")
    worker = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    """How often in a row it did not answer as it should, whatever for."""
    paused_until = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    """Why it is left alone."""

    objects: ClassVar[OutletQuerySet] = OutletQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"outlet to {self.platform}"

    @property
    def failure(self) -> Explanation | None:
        """Why nothing leaves at the moment, in words, or None."""
        return explained(self.failure_code, platform=self.platform.name) if self.failure_code else None


class LineItem(models.Model):
    """The column of grades of one assignment in one course of a platform. Found or made once, and then kept."""

    class State(models.TextChoices):
        """Whether anything can be sent to it."""

        OPEN = "open", _("In use")
        GONE = "gone", _("Gone")
        LOCKED = "locked", _("Locked")
        REFUSED = "refused", _("Not made")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="line_items")
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="line_items")
    url = models.CharField(max_length=MAX_ADDRESS, blank=True)
    """Empty until it is known."""
    is_platforms = models.BooleanField(default=False)
    """Whether the platform made it with a link: then its name and its points are not ours to change."""
    has_left_one = models.BooleanField(default=False)
    """Whether another one is over there that we made before the platform had its own: nothing fills it any more."""
    label = models.CharField(max_length=200, blank=True)
    maximum = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    """Both as we last told the platform."""
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    failures = models.PositiveIntegerField(default=0)
    """How often in a row it could not be made, or took no grade of anybody."""
    next_try_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    """While one worker makes it: making it twice would make two."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["context", "assignment"], name="line_item_once_per_context"),
            models.CheckConstraint(
                condition=models.Q(state__in=("open", "gone", "locked", "refused")), name="line_item_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment} in {self.context}"

    @property
    def platform(self) -> Platform:
        """Whose column it is."""
        return self.context.deployment.platform

    @property
    def is_of_a_link(self) -> bool:
        """Whether it takes grades, and is the one that the platform keeps for a link to the assignment."""
        return self.is_platforms and bool(self.url) and self.state == self.State.OPEN

    @property
    def is_made_by_us(self) -> bool:
        """Whether it is there, and of no link."""
        return not self.is_platforms and bool(self.url) and self.state != self.State.GONE

    @property
    def failure(self) -> Explanation | None:
        """What is wrong with it, in words, or None."""
        return explained(self.failure_code, platform=self.platform.name) if self.failure_code else None


class Score(models.Model):
    """What a platform is to have of one person in one column, and what it has: the latest grade, and no other."""

    class State(models.TextChoices):
        """How far it is on its way."""

        WAITING = "waiting", pgettext_lazy("a grade", "On its way")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("There")
        REFUSED = "refused", _("Not taken")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line_item = models.ForeignKey(LineItem, on_delete=models.CASCADE, related_name="scores")
    person = models.ForeignKey(LtiPerson, on_delete=models.CASCADE, related_name="scores")
    grade = models.ForeignKey(Grade, on_delete=models.CASCADE, related_name="scores")
    points = models.DecimalField(max_digits=10, decimal_places=4)
    maximum = models.DecimalField(max_digits=10, decimal_places=4)
    comment = models.TextField(max_length=4000, blank=True)
    graded_at = models.DateTimeField()
    """When the grade became what it is, for students."""
    version = models.PositiveIntegerField(default=1)
    """Grows with whatever is to be sent anew; an answer counts for the version that was sent."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    worker = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    """How often this version was sent in vain."""
    next_try_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    """Why it is not there, or was not at the last attempt."""
    stamp = models.DateTimeField(null=True, blank=True)
    """The time that went with what was last sent: a whole second. Written before it is sent."""
    stamped_version = models.PositiveIntegerField(default=0)
    """What it went with: the same version is sent with the same time."""
    sent_points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    sent_maximum = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    """When the platform took it, with these points; None before."""

    objects: ClassVar[ScoreQuerySet] = ScoreQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [models.Index(fields=["state", "next_try_at"], name="score_due")]
        constraints = [
            models.UniqueConstraint(fields=["line_item", "person"], name="score_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(state__in=("waiting", "sending", "sent", "refused")), name="score_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} of {self.person} for {self.line_item}"

    @property
    def failure(self) -> Explanation | None:
        """Why it is not there, in words, or None. Its line item, context and platform have to be at hand."""
        return explained(self.failure_code, platform=self.line_item.platform.name) if self.failure_code else None
