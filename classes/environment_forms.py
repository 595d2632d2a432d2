"""What teachers fill in to say which repositories their class works in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.environments import Audience
from classes.models import Course
from environments.errors import EnvironmentsError
from environments.models import Environment
from environments.references import parse, path_of
from environments.values import Reference

ADDRESS = forms.TextInput(
    attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "inputmode": "url"}
)
_REF = _("A branch or tag. Leave it empty for the newest.")


class RepositoriesForm(forms.Form):
    """The repositories of a class: one for students, and one for teachers where theirs is another."""

    students_repository = forms.CharField(
        label=_("Repository students work in"),
        help_text=_("It is prepared first. The class goes on with what it uses now until you put the new one in use."),
        max_length=1000,
        widget=ADDRESS,
    )
    students_ref = forms.CharField(label=_("Version"), help_text=_REF, max_length=250, required=False)
    teachers_repository = forms.CharField(
        label=_("Another repository for teachers"),
        help_text=_("For example one with solutions. Leave it empty to work in the same as students."),
        max_length=1000,
        required=False,
        widget=ADDRESS,
    )
    teachers_ref = forms.CharField(label=_("Version"), help_text=_REF, max_length=250, required=False)

    @classmethod
    def initial_of(cls, course: Course) -> dict[str, str]:
        """What the class works in now."""
        initial = {}
        for audience in Audience:
            environment: Environment | None = getattr(course, audience.column)
            if environment is not None:
                initial[f"{audience}_repository"] = path_of(replace(environment.reference, ref=""))
                initial[f"{audience}_ref"] = environment.ref
        return initial

    def clean(self) -> dict[str, Any] | None:
        """Addresses become references; `reference_of` tells them."""
        cleaned = super().clean()
        self.references: dict[Audience, Reference | None] = {}
        for audience in Audience:
            address = self.cleaned_data.get(f"{audience}_repository", "").strip()
            try:
                reference = parse(address, ref=self.cleaned_data.get(f"{audience}_ref", "")) if address else None
            except EnvironmentsError as error:
                self.add_reference_error(audience, error)
            else:
                self.references[audience] = reference
        return cleaned

    def add_reference_error(self, audience: Audience, error: EnvironmentsError) -> None:
        """Say what went wrong at the field that can be changed."""
        field = "ref" if error.code.startswith("ref_") else "repository"
        self.add_error(f"{audience}_{field}", error.explain().lines)
