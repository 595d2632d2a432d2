"""What people fill in about who is in a class: to look for members, to change them, and to invite some."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from classes.errors import CourseError
from classes.invitations import STAFF_DAYS, STAFF_USES, STUDENT_USES
from classes.models import Course, Role, Section
from classes.people import Order
from classes.roster_files import MAX_SECTION

PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
NO_SECTION = "none"


class PeopleFilter(forms.Form):
    """Whom to show, of those who are in the class, expected, or gone. What makes no sense is passed over."""

    PRESENT, EXPECTED, LEFT = "present", "expected", "left"

    show = forms.ChoiceField(choices=[(PRESENT, _("In the class")), (EXPECTED, _("Expected")), (LEFT, _("Left"))])
    q = forms.CharField(label=_("Search"), max_length=200)
    role = forms.ChoiceField(label=_("Role"), choices=Role)
    section = forms.ChoiceField(label=_("Section"))
    sort = forms.ChoiceField(label=_("Sort"), choices=Order)

    def __init__(self, data: Mapping[str, Any], *, sections: list[Section]) -> None:
        super().__init__(data)
        choices = [(str(section.pk), section.name) for section in sections]
        self.fields["section"].choices = [*choices, (NO_SECTION, _("In no section"))]  # type: ignore[attr-defined]
        self.is_valid()

    def asked(self, name: str, otherwise: str = "") -> str:
        """What was asked for, if it is one of the choices."""
        return str(self.cleaned_data.get(name, otherwise))


class PlaceForm(forms.Form):
    """What somebody is in a class."""

    role = forms.TypedChoiceField(label=_("Role"), choices=Role, initial=Role.STUDENT, coerce=Role)
    section = forms.ModelChoiceField(
        label=_("Section"), queryset=Section.objects.none(), required=False, empty_label=_("none")
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, course: Course, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        sections = course.sections.all()
        self.fields["section"].queryset = sections  # type: ignore[attr-defined]
        if not sections.exists():
            del self.fields["section"]

    @property
    def place(self) -> dict[str, Any]:
        """The role and the section."""
        return {"role": self.cleaned_data["role"], "section": self.cleaned_data.get("section")}


class AddForm(PlaceForm):
    """Somebody who is to be in the class."""

    who = forms.CharField(
        label=_("Username or e-mail address"),
        help_text=_("The address counts once they have confirmed it here."),
        max_length=254,
        widget=forms.TextInput(attrs=PLAIN),
    )
    field_order = ("who", "role", "section")

    def add_refusal(self, error: CourseError) -> None:
        """Say what went wrong at the field that can be changed."""
        self.add_error("who", error.explain().lines)


class MemberForm(PlaceForm):
    """What a member is from now on; `seen` is what they were when the page was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=80)


class SectionForm(forms.Form):
    """What a section is called."""

    name = forms.CharField(label=_("Name"), max_length=MAX_SECTION, widget=forms.TextInput(attrs=PLAIN))

    def add_refusal(self, error: CourseError) -> None:
        """Say what went wrong."""
        self.add_error("name", error.explain().lines)


class CodeForm(forms.Form):
    """A code somebody was given."""

    code = forms.CharField(
        label=_("Code"),
        help_text=_("Eight letters and digits, as your teacher shows them. Capitals and the hyphen do not matter."),
        max_length=40,
        widget=forms.TextInput(attrs=PLAIN | {"autofocus": True}),
    )


def _days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


class InvitationForm(PlaceForm):
    """Whom an invitation lets in, until when, and how many."""

    LIFETIMES = (1, 7, 30, 120, 366)

    days = forms.TypedChoiceField(
        label=_("Good for"),
        choices=[(days, lazy(_days, str)(days)) for days in LIFETIMES],
        initial=120,
        coerce=int,
    )
    uses = forms.IntegerField(
        label=_("How many people"),
        help_text=_("Empty for as many as come."),
        min_value=1,
        max_value=STUDENT_USES,
        required=False,
    )
    field_order = ("role", "section", "days", "uses")

    def clean(self) -> dict[str, Any]:
        """Few and short for those who see everybody's work."""
        data = super().clean() or {}
        if data.get("role", Role.STUDENT) == Role.STUDENT:
            return data
        if data.get("days", 0) > STAFF_DAYS:
            words = gettext("For teachers and graders at most %(days)d days: whoever has it sees everybody's work.")
            self.add_error("days", words % {"days": STAFF_DAYS})
        if "uses" in data and not 1 <= (data["uses"] or 0) <= STAFF_USES:
            words = gettext("For teachers and graders say how many, at most %(uses)d.")
            self.add_error("uses", words % {"uses": STAFF_USES})
        return data

    @property
    def wish(self) -> dict[str, Any]:
        """What was asked for."""
        return self.place | {"lifetime": timedelta(days=self.cleaned_data["days"]), "uses": self.cleaned_data["uses"]}


class RosterForm(forms.Form):
    """A list of people to be read."""

    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,  # The reader says it better.
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
    )
