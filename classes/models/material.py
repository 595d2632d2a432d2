"""The material of a class: where it comes from, which version is in use, and which is the newest."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classes.models.course import Course
from classes.querysets import CourseMaterialQuerySet
from environments.errors import Explanation, explain
from environments.models import SourceTree
from environments.values import Reference


class Looks(models.TextChoices):
    """How often somebody looks for newer material."""

    BY_HAND = "by_hand", _("Only when I ask for it")
    DAILY = "daily", _("Every day")


class CourseMaterial(models.Model):
    """The material of one class; there is a row once a teacher has had to do with it.

    As long as no version is in use, files come from the environment alone.
    """

    course = models.OneToOneField(Course, on_delete=models.CASCADE, related_name="material")
    provider = models.CharField(max_length=32, blank=True)
    """Of its repository; empty where that is the environment's."""
    repository = models.CharField(max_length=500, blank=True)
    ref = models.CharField(max_length=250, blank=True)
    looks = models.CharField(max_length=16, choices=Looks, default=Looks.DAILY)

    in_use = models.ForeignKey(SourceTree, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    """What members' servers are brought to."""
    in_use_since = models.DateTimeField(null=True, blank=True)
    put_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    before = models.ForeignKey(SourceTree, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    """What was in use before, and can be again."""
    newest = models.ForeignKey(SourceTree, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    """What its repository had when somebody last looked."""
    looked_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    """Why it could not be found out what is the newest, the last time somebody looked."""

    objects: ClassVar[CourseMaterialQuerySet] = CourseMaterialQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(looks__in=Looks.values), name="material_looks_known"),
        ]

    def __str__(self) -> str:
        return f"material of {self.course}"

    @property
    def reference(self) -> Reference | None:
        """Where it comes from; None for a class that has neither an environment nor a repository for material."""
        if self.provider:
            return Reference(self.provider, self.repository, self.ref)
        return self.course.environment.reference if self.course.environment else None

    @property
    def has_newer(self) -> bool:
        """Whether the newest that is known is not in use."""
        return self.newest_id is not None and self.newest_id != self.in_use_id

    @property
    def failure(self) -> Explanation | None:
        """Why nobody could look, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None
