"""What teachers fill in about the material of a class."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.models import CourseMaterial, Looks
from environments import references
from environments.errors import EnvironmentsError
from environments.values import Reference


class MaterialSourceForm(forms.Form):
    """Where material comes from, and how often somebody looks. `reference` is None for the environment's own."""

    repository = forms.CharField(
        label=_("Address of the repository"),
        help_text=_("Leave it empty if the material is where the environment is."),
        max_length=1000,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "inputmode": "url"}
        ),
    )
    ref = forms.CharField(
        label=_("Version"),
        help_text=_("A branch or tag. Leave it empty for the newest."),
        max_length=250,
        required=False,
    )
    looks = forms.ChoiceField(label=_("Look for newer material"), choices=Looks)

    reference: Reference | None = None

    @classmethod
    def of(cls, material: CourseMaterial) -> MaterialSourceForm:
        """The form as it is now."""
        source = Reference(material.provider, material.repository) if material.provider else None
        address = (references.web_url_of(source) or references.path_of(source)) if source else ""
        return cls(initial={"repository": address, "ref": material.ref, "looks": material.looks})

    def clean(self) -> dict[str, Any] | None:
        """Read the address, and say at its field what is wrong with it."""
        cleaned = super().clean()
        repository, ref = self.cleaned_data.get("repository", ""), self.cleaned_data.get("ref", "")
        if ref and not repository:
            self.add_error("repository", _("Say which repository this is a version of."))
        elif repository:
            try:
                self.reference = references.parse(repository, ref=ref)
            except EnvironmentsError as error:
                self.add_error("ref" if error.code.startswith("ref_") else "repository", error.explain().lines)
        return cleaned
