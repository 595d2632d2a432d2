"""A class: what it is called, what its members work in, and how much of it there may be."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classes.querysets import CourseQuerySet
from environments.models import Environment, SharedVolume
from environments.naming import MAX_SLUG
from environments.values import Limits

MAX_TITLE = 120


class Colour(models.TextChoices):
    """What a class is told from others by at a glance; `static/css/app.css` has the tones of each."""

    BLUE = "blue", _("Blue")
    TEAL = "teal", _("Teal")
    GREEN = "green", _("Green")
    AMBER = "amber", _("Amber")
    RED = "red", _("Red")
    PURPLE = "purple", _("Purple")


class Course(models.Model):
    """A class. The page says "class"; the code says course.

    What its members may do beyond the class's own pages (shared files, the environment, a quota) they may as members
    of its two groups, which follow the memberships: `members.py` is the only place that changes either.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=MAX_SLUG, unique=True)
    """Its address, for good."""
    title = models.CharField(_("title"), max_length=MAX_TITLE)
    code = models.CharField(_("code"), max_length=40, blank=True)
    """What the institution calls it: MATH-101."""
    term = models.CharField(_("term"), max_length=60, blank=True)
    description = models.TextField(_("description"), max_length=2000, blank=True)
    colour = models.CharField(_("colour"), max_length=16, choices=Colour, default=Colour.BLUE)
    starts_on = models.DateField(_("first day"), null=True, blank=True)
    ends_on = models.DateField(_("last day"), null=True, blank=True)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_courses")
    """Who answers for it: theirs are its environment and its shared files."""
    everybody = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="course")
    """The group of all present members."""
    teachers = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="taught_course")
    """The group of its present teachers."""

    environment = models.OneToOneField(
        Environment, null=True, blank=True, on_delete=models.SET_NULL, related_name="course"
    )
    """What students work in; made for this class, and deleted with it."""
    teacher_environment = models.OneToOneField(
        Environment, null=True, blank=True, on_delete=models.SET_NULL, related_name="course_of_teachers"
    )
    """What teachers work in, where that is another."""
    memory_mb = models.PositiveIntegerField(_("memory of a server, in MB"), null=True, blank=True)
    cpus = models.FloatField(_("processors of a server"), null=True, blank=True)
    idle_minutes = models.PositiveIntegerField(_("minutes unused until a server sleeps"), null=True, blank=True)
    running_servers = models.PositiveIntegerField(
        _("servers running at once, of the whole class"), null=True, blank=True
    )
    """None is no limit of the class's own."""

    shared_volume = models.OneToOneField(
        SharedVolume, null=True, blank=True, on_delete=models.SET_NULL, related_name="course"
    )
    """Files that teachers put there and students read."""
    common_volume = models.OneToOneField(
        SharedVolume, null=True, blank=True, on_delete=models.SET_NULL, related_name="course_of_common"
    )
    """Files that everybody in the class may change, where the teacher wants such a place."""
    hand_in_volume = models.OneToOneField(
        SharedVolume, null=True, blank=True, on_delete=models.SET_NULL, related_name="course_of_hand_in"
    )
    """What members handed in, for teachers to read, where the teacher wants such a place."""

    copied_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="copies")
    """The class that this one gives again, for other students."""
    copy_key = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    """What the page had that asked for the copy: two clicks there are one wish."""
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)
    """Since when it is over: it can be looked at, and nothing in it changes."""
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When its deletion was asked for; it can be brought back for `DELETED_FILES_DAYS`."""

    objects: ClassVar[CourseQuerySet] = CourseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("class")
        verbose_name_plural = _("classes")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(colour__in=Colour.values), name="course_colour_known"),
            models.CheckConstraint(
                condition=models.Q(ends_on=None)
                | models.Q(starts_on=None)
                | models.Q(ends_on__gte=models.F("starts_on")),
                name="course_ends_after_it_starts",
                violation_error_message=_("The last day is before the first."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_over(self) -> bool:
        """Whether it was archived: nothing in it changes any more."""
        return self.archived_at is not None

    @property
    def limits(self) -> Limits:
        """What one server of it may use."""
        return Limits(self.memory_mb, self.cpus)
