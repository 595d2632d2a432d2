"""What people fill in about shared files: what they are called, and whom they are shared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.errors import UserError
from environments.models import Access
from environments.naming import MAX_VOLUME_NAME
from environments.shared_volumes import MAX_TITLE

_PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class VolumeForm(forms.Form):
    """Shared files that are to be made."""

    title = forms.CharField(
        label=_("Title"),
        help_text=_("As people see it, for example “Data of the spring course”."),
        max_length=MAX_TITLE,
    )
    name = forms.CharField(
        label=_("Short name"),
        help_text=_(
            "The name of the folder. Launch links say it too, so it cannot be changed later. Lower-case letters, "
            "digits and hyphens, for example spring-data."
        ),
        max_length=MAX_VOLUME_NAME,
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def add_refusal(self, error: UserError) -> None:
        """Say what went wrong where it can be changed."""
        self.add_error("name" if "name" in error.code else None, error.explain().lines)


class VolumeTitleForm(forms.Form):
    """Another title."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE)


class AccessForm(forms.Form):
    """What somebody may do with the files."""

    access = forms.TypedChoiceField(label=_("They may"), choices=Access.choices, initial=Access.READ, coerce=Access)


class InviteForm(AccessForm):
    """Somebody whom the files are to be shared with: a person, or one of the owner's groups."""

    who = forms.CharField(
        label=_("Person"),
        help_text=_("Their username, or the e-mail address they have confirmed here."),
        max_length=254,
        required=False,
        error_messages={"required": _("Name a person.")},
        widget=forms.TextInput(attrs=_PLAIN),
    )
    group = forms.ChoiceField(
        label=_("Or a group of yours"), help_text=_("Whoever joins it later may use the files too."), required=False
    )
    field_order = ("who", "group", "access")

    def __init__(self, data: Mapping[str, Any] | None = None, *, owner: User) -> None:
        super().__init__(data)
        names = list(owner.groups.order_by("name").values_list("name", flat=True))
        if names:
            choices = [("", _("none")), *((name, name) for name in names)]
            self.fields["group"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["group"]
            self.fields["who"].required = True

    def clean(self) -> dict[str, Any]:
        """One of the two, and not both."""
        data = super().clean() or {}
        if "who" in data and bool(data["who"]) == bool(data.get("group")):
            self.add_error("who", _("Name a person or choose a group, one of the two."))
        return data

    def add_refusal(self, error: UserError) -> None:
        """Say what went wrong where it can be changed."""
        is_about_group = bool(self.cleaned_data.get("group"))
        self.add_error("group" if is_about_group else "who", error.explain().lines)
