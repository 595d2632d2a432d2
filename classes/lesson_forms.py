"""What teachers fill in for a lesson."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.edit_forms import MomentField, PublishForm, publishing_of, to_the_minute
from classes.errors import CourseError
from classes.lessons import MAX_PATH, Outline, check_lesson_path
from classes.models.course import MAX_TITLE
from classes.models.lesson import MAX_READY_MINUTES


class LessonForm(PublishForm):
    """A lesson. A title is enough."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE)
    summary = forms.CharField(
        label=_("What it is about"),
        help_text=_("Some sentences for students, to be read before they open it."),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    path = forms.CharField(
        label=_("Notebook"),
        help_text=_(
            "As it stands in the class's repository, for example week-1/first.ipynb. A folder or another file works "
            "too. Left empty, the lesson opens all files."
        ),
        max_length=MAX_PATH,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    starts_at = MomentField(label=_("Begins"), required=False)
    ends_at = MomentField(label=_("Ends"), required=False)

    ready_minutes = forms.IntegerField(
        label=_("Servers ready before it begins, in minutes"),
        help_text=_(
            "So that no student waits. Left empty, each server starts when its student comes. One that nobody has come "
            "to twenty minutes after the beginning is stopped."
        ),
        error_messages={
            "min_value": _("Servers can be ready %(limit_value)s minute before at the latest."),
            "max_value": _("Servers can be ready %(limit_value)s minutes before at the earliest."),
        },
        min_value=1,
        max_value=MAX_READY_MINUTES,
        required=False,
    )

    field_order = ("title", "summary", "path", "starts_at", "ends_at", "ready_minutes", "publish", "publish_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["starts_at"].help_text = self.fields["publish_at"].help_text

    def clean_path(self) -> str:
        """The path, written in the one way."""
        try:
            return check_lesson_path(self.cleaned_data["path"])
        except CourseError as error:
            raise forms.ValidationError(error.explain().lines) from error

    def clean(self) -> dict[str, Any]:
        """It ends after it begins."""
        data = super().clean() or {}
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if (ends_at or data.get("ready_minutes")) and not starts_at and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Say when it begins, too."))
        if ends_at and starts_at and ends_at < starts_at:
            self.add_error("ends_at", _("The lesson ends before it begins."))
        return data

    def outline(self, *, now: datetime, before: Outline | None = None) -> Outline:
        """What was filled in, of a lesson that was as `before`."""
        data = self.cleaned_data
        return Outline(
            title=data["title"],
            summary=data["summary"],
            path=data["path"],
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            ready_minutes=data["ready_minutes"],
            published_at=self.published_at(now=now, before=before.published_at if before else None),
        )


def initial_of_lesson(outline: Outline, *, now: datetime) -> dict[str, Any]:
    """How the form shows a lesson."""
    return {
        "title": outline.title,
        "summary": outline.summary,
        "path": outline.path,
        "starts_at": to_the_minute(outline.starts_at),
        "ends_at": to_the_minute(outline.ends_at),
        "ready_minutes": outline.ready_minutes,
        **publishing_of(outline.published_at, now=now),
    }
