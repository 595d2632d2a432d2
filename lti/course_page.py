"""What learning platforms add to the pages of a class."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from classes.extensions import NavPlace, Section
from classes.models import Lesson
from classes.policies import Standing

HERE = "platforms"


class PlatformsOfCourse:
    """A place among the settings, where teachers see which courses of which platforms their class is."""

    def places(self, standing: Standing) -> Sequence[NavPlace]:
        """None beside what the class has by itself."""
        return []

    def settings(self, standing: Standing) -> Sequence[NavPlace]:
        """The courses and their links."""
        return [NavPlace(_("Learning platform"), reverse("lti:course-links", args=[standing.course.slug]), HERE)]

    def live(self, standing: Standing) -> Sequence[NavPlace]:
        """Nothing of it happens live."""
        return []

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """Nothing on the first page."""
        return []

    def lesson_sections(self, standing: Standing, lesson: Lesson, *, now: datetime) -> Sequence[Section]:
        """Nothing at a lesson."""
        return []
