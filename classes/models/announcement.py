"""What teachers tell the class."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classes.models.course import MAX_TITLE, Course
from classes.querysets import AnnouncementQuerySet


class Announcement(models.Model):
    """A short text on the class's page, from a moment on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="announcements")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    title = models.CharField(_("title"), max_length=MAX_TITLE)
    text = models.TextField(_("text"), max_length=5000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(_("visible to students from"), default=timezone.now)

    objects: ClassVar[AnnouncementQuerySet] = AnnouncementQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["-published_at", "-created_at"]

    def __str__(self) -> str:
        return self.title

    def is_published(self, now: datetime) -> bool:
        """Whether students read it."""
        return self.published_at <= now
