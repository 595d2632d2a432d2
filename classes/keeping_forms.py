"""What teachers fill in to keep a class, or to be rid of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.models import Course
from environments.naming import folded


class DeleteForm(forms.Form):
    """The class's title, typed: nobody deletes a class by a slip of the hand."""

    title = forms.CharField(label=_("Type the title of the class"), max_length=200)

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._course = course
        self.fields["title"].widget.attrs["autocomplete"] = "off"

    def clean_title(self) -> str:
        """Capitals and spaces do not matter."""
        title: str = self.cleaned_data["title"]
        if folded(title) != folded(self._course.title):
            raise forms.ValidationError(
                _("This is not the title of the class: “%(title)s”."), params={"title": self._course.title}
            )
        return title


class ExportForm(forms.Form):
    """What an archive of a class has in it beside what the class is."""

    with_files = forms.BooleanField(label=_("Shared files of the class"), required=False, initial=True)
    with_work = forms.BooleanField(label=_("What members have in their servers of the class"), required=False)
    with_hand_ins = forms.BooleanField(label=_("What members handed in, with the receipts"), required=False)


class BringForm(forms.Form):
    """An archive of a class."""

    archive = forms.FileField(
        label=_("The archive"),
        help_text=_("The .zip file, as it was downloaded from a class."),
        max_length=300,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
    )


class ImportForm(forms.Form):
    """What is made of an archive."""

    with_people = forms.BooleanField(
        label=_("Let these people in"),
        help_text=_("With their work and what they handed in, as far as the archive has it."),
        required=False,
        initial=True,
    )
