"""What teachers fill in to make a class."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.courses import Plan
from classes.models import Colour, Course
from classes.models.course import MAX_TITLE
from environments.errors import EnvironmentsError
from environments.forms import RepositoryForm
from environments.references import path_of
from environments.values import Reference

DATE = forms.DateInput(attrs={"type": "date"})


class CourseForm(RepositoryForm):
    """A class, as little as is needed. `plan` is what came of it once the form is valid."""

    title = forms.CharField(
        label=_("Title"),
        help_text=_("As students know it, for example “Statistics, first term”."),
        max_length=MAX_TITLE,
    )
    code = forms.CharField(
        label=_("Code"),
        help_text=_("As your institution knows it, for example MATH-101."),
        max_length=40,
        required=False,
    )
    term = forms.CharField(label=_("Term"), help_text=_("For example autumn 2026."), max_length=60, required=False)
    starts_on = forms.DateField(label=_("First day"), required=False, widget=DATE)
    ends_on = forms.DateField(label=_("Last day"), required=False, widget=DATE)
    colour = forms.ChoiceField(label=_("Colour"), choices=Colour, initial=Colour.BLUE, required=False)

    field_order = ("title", "repository", "code", "term", "starts_on", "ends_on", "colour", "ref")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("path", "memory", "cpus", "idle", "lifetime"):  # For the settings of the class, later.
            del self.fields[name]
        self.fields["repository"].help_text = _(
            "Where the notebooks of the class are, and the list of packages they need. Copy it from your browser, for "
            "example https://github.com/binder-examples/requirements."
        )

    @classmethod
    def initial_like(cls, former: Course) -> dict[str, str]:
        """What it begins with for a class like this one."""
        initial = {"title": former.title, "code": former.code, "colour": former.colour}
        if former.environment is not None:
            reference = former.environment.reference
            bare = path_of(Reference(reference.provider, reference.repository))
            initial |= {"repository": bare, "ref": reference.ref}
        return initial

    @property
    def plan(self) -> Plan:
        """What was filled in."""
        data = self.cleaned_data
        return Plan(
            title=data["title"],
            reference=self.spec.reference,
            code=data["code"],
            term=data["term"],
            starts_on=data["starts_on"],
            ends_on=data["ends_on"],
            colour=Colour(data["colour"] or Colour.BLUE),
        )

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned = super().clean()
        starts_on, ends_on = self.cleaned_data.get("starts_on"), self.cleaned_data.get("ends_on")
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", _("The last day is before the first."))
        return cleaned

    def add_launch_error(self, error: EnvironmentsError) -> None:
        """Say what went wrong at the field that can be changed."""
        self.add_error("ref" if error.code.startswith("ref_") else "repository", error.explain().lines)


class CopyForm(CourseForm):
    """A class that is given again. However often the form is sent, it is one copy."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
