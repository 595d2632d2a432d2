"""A course over there, the class it is here, and who its platform says is what in it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from assignments.models import Assignment
from classes.models import Course, Role
from lti.models.person import LtiPerson
from lti.models.platform import MAX_ADDRESS, MAX_IDENTIFIER, Deployment


class Context(models.Model):
    """A course of a platform. Its ID is unique where we were deployed, and nowhere beyond."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="contexts")
    context_id = models.CharField(max_length=MAX_IDENTIFIER)
    title = models.CharField(max_length=200, blank=True)
    label = models.CharField(max_length=100, blank=True)
    course = models.ForeignKey(Course, null=True, blank=True, on_delete=models.SET_NULL, related_name="lti_contexts")
    """None until a teacher has said which class it is."""
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    connected_at = models.DateTimeField(null=True, blank=True)
    memberships_url = models.CharField(max_length=MAX_ADDRESS, blank=True)
    """Where its people are listed; empty where the platform does not tell."""
    line_items_url = models.CharField(max_length=MAX_ADDRESS, blank=True)
    """Where its columns of grades are; empty where there are none for us."""
    scopes = models.JSONField(default=list, blank=True)
    """What we may do with grades there."""
    copied_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="copies")
    """The course that its platform says it was copied from, where that one is a class here."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deployment", "context_id"], name="context_once_per_deployment")]

    def __str__(self) -> str:
        return self.title or self.label or self.context_id


class Enrolment(models.Model):
    """What the platform last said somebody is in one of its courses: what it gave, it may change."""

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="enrolments")
    person = models.ForeignKey(LtiPerson, on_delete=models.CASCADE, related_name="enrolments")
    role = models.CharField(max_length=16, choices=Role)
    missing_since = models.DateTimeField(null=True, blank=True)
    """Since when the platform lists them there no more; None again once it does, or they come from there."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["context", "person"], name="enrolment_once_per_person"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="enrolment_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.role} in {self.context}"


class ResourceLink(models.Model):
    """A place in a course over there where we were put, as its last launch described it."""

    context = models.ForeignKey(Context, on_delete=models.CASCADE, related_name="resource_links")
    resource_link_id = models.CharField(max_length=MAX_IDENTIFIER)
    title = models.CharField(max_length=200, blank=True)
    assignment = models.ForeignKey(
        Assignment, null=True, blank=True, on_delete=models.SET_NULL, related_name="resource_links"
    )
    """What it leads to, where that is something to hand in."""
    line_item_url = models.CharField(max_length=MAX_ADDRESS, blank=True)
    """The column of grades that the platform keeps for it."""
    target = models.JSONField(default=dict, blank=True)
    """What it leads to, as its last launch said: the parameters of `targets.Target`; empty for the class."""
    chosen = models.JSONField(default=dict, blank=True)
    """What a teacher of the class has it lead to instead, in the same words, until a launch says something new."""
    last_launched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["context", "resource_link_id"], name="resource_link_once_per_context")
        ]

    def __str__(self) -> str:
        return self.title or self.resource_link_id

    @property
    def parameters(self) -> dict[str, str]:
        """What it leads to: as was chosen here, or else as its platform says."""
        said: dict[str, str] = self.chosen or self.target
        return said
