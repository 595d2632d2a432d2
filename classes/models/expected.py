"""Who is on the list of a class and has no account here yet, and lists that were read but not yet imported."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classes.models.course import Course
from classes.models.membership import Role, Section
from classes.querysets import ExpectedMemberQuerySet


class ExpectedMember(models.Model):
    """Somebody who is in the class as soon as they sign in and are who this says."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="expected")
    who = models.CharField(max_length=254, db_index=True)
    """Their e-mail address, or else their username, in lower case."""
    name = models.CharField(_("name"), max_length=150, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.STUDENT)
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.SET_NULL, related_name="expected")
    added_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[ExpectedMemberQuerySet] = ExpectedMemberQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("expected member")
        verbose_name_plural = _("expected members")
        ordering = ["name", "who"]
        constraints = [
            models.UniqueConstraint(fields=["course", "who"], name="expected_once_per_course"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="expected_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.who


class RosterDraft(models.Model):
    """A list as it was read, while whoever brought it looks at what it would do. Nobody else can import it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="roster_drafts")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lines = models.JSONField()
    """Each as a mapping of `roster_files.RosterLine`; emptied once they are imported."""
    expires_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"list for {self.course}"
