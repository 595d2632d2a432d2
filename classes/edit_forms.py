"""What the forms of a class share: an answer to two people who change the same thing, and from when students see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from classes.errors import CourseError
from classes.moments import refuse_far_away


class MomentInput(forms.DateTimeInput):
    """A day and a time of the reader's own zone, as browsers ask for one."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class MomentField(forms.DateTimeField):
    """A moment, as it is typed into that; none that nobody can mean."""

    widget = MomentInput
    default_validators = [refuse_far_away]


class DayInput(forms.DateInput):
    """A day, as browsers ask for one."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class EditForm(forms.Form):
    """Of something that somebody else may change while it is open."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    """The stamp of what the form showed when it was opened."""

    def add_course_error(self, error: CourseError) -> None:
        """Say what went wrong."""
        words = error.explain()
        self.add_error(None, f"{words.sentence} {words.next_step}")

    def add_refusal(self, error: CourseError, *, saved: Mapping[str, Any], seen: str) -> None:
        """Say why it was not saved; and where somebody else was quicker, what they have saved."""
        if error.code == "changed_meanwhile":
            self.add_what_is_saved(saved, seen=seen)
        self.add_course_error(error)

    def add_what_is_saved(self, saved: Mapping[str, Any], *, seen: str) -> None:
        """Show beneath each field that differs what somebody else has saved. Whoever sends the form again means it."""
        typed = {name: self.cleaned_data.get(name) for name in saved}
        for name, value in saved.items():
            if typed[name] != value and (typed[name] or value):
                self.add_error(name, gettext("Saved now: %(value)s") % {"value": self._words(name, value)})
        self.data = {**self.data.dict(), "seen": seen}  # type: ignore[attr-defined]

    def _words(self, name: str, value: Any) -> str:
        if not value:
            return gettext("nothing")
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
        if isinstance(value, datetime):
            return date_format(timezone.localtime(value), "DATETIME_FORMAT")
        return date_format(value) if isinstance(value, date) else f"“{value}”"


class Publishing(models.TextChoices):
    """From when students see something."""

    NOW = "now", pgettext_lazy("students see it", "Now")
    LATER = "later", pgettext_lazy("students see it", "From a date on")
    DRAFT = "draft", pgettext_lazy("students see it", "Not yet: it stays a draft")


class PublishForm(EditForm):
    """Of something that students see from some moment on."""

    publish = forms.ChoiceField(
        label=_("Students see it"),
        choices=Publishing,
        initial=Publishing.NOW,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    publish_at = MomentField(
        label=_("From"),
        error_messages={"required": _("Say from when, or choose another answer.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["publish_at"].help_text = gettext("In your time zone, %(zone)s.") % zone
        self.fields["publish_at"].required = not self.is_bound or self["publish"].value() == Publishing.LATER

    def published_at(self, *, now: datetime, before: datetime | None = None) -> datetime | None:
        """The moment that was chosen. What was visible `before` has been since then."""
        match self.cleaned_data["publish"]:
            case Publishing.NOW:
                return before if before is not None and before <= now else now
            case Publishing.LATER:
                moment: datetime = self.cleaned_data["publish_at"]
                return moment
        return None


def publishing_of(published_at: datetime | None, *, now: datetime) -> dict[str, Any]:
    """How a form shows that moment."""
    if published_at is None:
        return {"publish": Publishing.DRAFT.value, "publish_at": None}
    if published_at <= now:
        return {"publish": Publishing.NOW.value, "publish_at": None}
    return {"publish": Publishing.LATER.value, "publish_at": to_the_minute(published_at)}


def to_the_minute(moment: datetime | None) -> datetime | None:
    """As a browser can say it."""
    return moment and moment.replace(second=0, microsecond=0)
