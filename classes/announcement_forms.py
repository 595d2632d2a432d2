"""What teachers fill in to tell the class something."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.announcements import Notice
from classes.edit_forms import PublishForm, Publishing, publishing_of
from classes.models.course import MAX_TITLE


class AnnouncementForm(PublishForm):
    """An announcement. A title may be all of it."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE)
    text = forms.CharField(
        label=_("Text"),
        help_text=_("Plain text. Addresses of web pages become links."),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
    )

    field_order = ("title", "text", "publish", "publish_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["publish"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
        choice.choices = [each for each in Publishing.choices if each[0] != Publishing.DRAFT]

    def notice(self, *, now: datetime, before: Notice | None = None) -> Notice:
        """What was filled in, of an announcement that was as `before`."""
        moment = self.published_at(now=now, before=before.published_at if before else None)
        return Notice(title=self.cleaned_data["title"], text=self.cleaned_data["text"], published_at=moment or now)


def initial_of_announcement(notice: Notice, *, now: datetime) -> dict[str, Any]:
    """How the form shows an announcement."""
    return {"title": notice.title, "text": notice.text, **publishing_of(notice.published_at, now=now)}
