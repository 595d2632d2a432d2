"""Who is in a class, as what, and in which part of it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classes.models.course import Course
from classes.querysets import MembershipQuerySet


class Role(models.TextChoices):
    """What somebody is in a class; what they are to the whole site is `accounts.models.Role`."""

    STUDENT = "student", _("Student")
    GRADER = "grader", _("Grader")
    TEACHER = "teacher", _("Teacher")


class Joined(models.TextChoices):
    """How somebody came into a class."""

    CREATOR = "creator", _("Made the class")
    LINK = "link", _("By a link or code")
    ROSTER = "roster", _("By a list")
    HAND = "hand", _("By hand")
    LTI = "lti", _("From the learning platform")


class Section(models.Model):
    """A part of a class: a tutorial group, a laboratory."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="sections")
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["course", "name"], name="section_once_per_course")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person in one class. Whoever leaves or is removed keeps this row, and so their work and their grades."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.STUDENT)
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.SET_NULL, related_name="memberships")
    joined_by = models.CharField(max_length=16, choices=Joined, default=Joined.HAND)
    joined_at = models.DateTimeField(default=timezone.now)
    left_at = models.DateTimeField(null=True, blank=True)
    """Since when they are no longer in the class; None while they are."""
    was_removed = models.BooleanField(default=False)
    """Whether a teacher put them out: then no link lets them in again, only a teacher."""
    hand_raised_at = models.DateTimeField(null=True, blank=True)
    """Since when they ask for help."""
    last_seen_at = models.DateTimeField(null=True, blank=True)
    """When they last did something in the class."""

    objects: ClassVar[MembershipQuerySet] = MembershipQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["person__display_name", "person__username"]
        indexes = [models.Index(fields=["course", "role"], name="membership_course_and_role")]
        constraints = [
            models.UniqueConstraint(fields=["course", "person"], name="membership_once_per_person"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
            models.CheckConstraint(condition=models.Q(joined_by__in=Joined.values), name="membership_joined_by_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.course}"

    @property
    def is_present(self) -> bool:
        """Whether they are in the class now."""
        return self.left_at is None
