"""What teachers fill in to change what a class says of itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.edit_forms import DayInput, EditForm
from classes.models import Colour
from classes.models.course import MAX_TITLE
from classes.profiles import Profile


class ProfileForm(EditForm):
    """What its members read of a class."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE)
    description = forms.CharField(
        label=_("Description"),
        help_text=_("Some sentences about the class, for its own page."),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    code = forms.CharField(
        label=_("Code"),
        help_text=_("As your institution knows it, for example MATH-101."),
        max_length=40,
        required=False,
    )
    term = forms.CharField(label=_("Term"), help_text=_("For example autumn 2026."), max_length=60, required=False)
    starts_on = forms.DateField(label=_("First day"), required=False, widget=DayInput())
    ends_on = forms.DateField(label=_("Last day"), required=False, widget=DayInput())
    colour = forms.ChoiceField(
        label=_("Colour"), choices=Colour, widget=forms.RadioSelect(attrs={"class": "form-check-input"})
    )

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        data = super().clean() or {}
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", _("The last day is before the first."))
        return data

    @property
    def profile(self) -> Profile:
        """What was filled in."""
        return Profile(**{name: self.cleaned_data[name] for name in asdict(Profile(title=""))})
