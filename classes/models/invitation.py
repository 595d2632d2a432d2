"""A link, or a code to type, by which people let themselves into a class."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from classes.models.course import Course
from classes.models.membership import Role, Section
from classes.querysets import CourseInvitationQuerySet


class Invitation(models.Model):
    """Lets whoever has it into the class in this role.

    Teachers show it again and again, on a slide or in an e-mail, so the code is stored as it is: it opens a class to
    people who sign in, expires, and can be revoked.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="invitations")
    code = models.CharField(max_length=16, unique=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.STUDENT)
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    uses_left = models.PositiveIntegerField(null=True, blank=True)
    """How many people may still come by it; None is any number."""
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[CourseInvitationQuerySet] = CourseInvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="course_invitation_role_known"),
        ]

    def __str__(self) -> str:
        return f"invitation to {self.course}"
