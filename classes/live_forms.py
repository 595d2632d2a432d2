"""What a teacher chooses on the live page. Nonsense in an address is as if nothing had been chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.live import Group, Order

SELECT = {"class": "form-select"}


class LiveForm(forms.Form):
    """Whom to show, and in which order."""

    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        widget=forms.Select(attrs=SELECT),
        choices=[(Group.ALL, _("Everybody")), (Group.HERE, _("Who is here")), (Group.STUCK, _("Who may be stuck"))],
    )
    section = forms.ChoiceField(label=_("Section"), required=False, widget=forms.Select(attrs=SELECT))
    sort = forms.ChoiceField(
        label=_("Sorted by"),
        required=False,
        widget=forms.Select(attrs=SELECT),
        choices=[
            (Order.NAME, _("Name")),
            (Order.HAND, _("Raised hand")),
            (Order.ACTIVITY, _("Last activity")),
            (Order.PROGRESS, _("Progress")),
        ],
    )

    def __init__(self, data: Any, *, sections: Iterable[str]) -> None:
        super().__init__(data, auto_id="live_%s")
        self.sections = list(sections)
        field = self.fields["section"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", _("All sections")), *((name, name) for name in self.sections)]
        self.full_clean()

    @property
    def group(self) -> Group:
        """Whom to show."""
        return Group(self.cleaned_data.get("show") or Group.ALL)

    @property
    def part(self) -> str:
        """The section to show; empty for all."""
        return str(self.cleaned_data.get("section", ""))

    @property
    def order(self) -> Order:
        """By what to sort."""
        return Order(self.cleaned_data.get("sort") or Order.NAME)
