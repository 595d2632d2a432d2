"""What whoever runs this Carrel fills in about people from learning platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.people import find_person

PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class TwoAccounts(forms.Form):
    """Which two accounts are one person's."""

    former = forms.CharField(
        label=gettext_lazy("Account to be closed"),
        max_length=254,
        help_text=gettext_lazy("Its username, or an e-mail address that was confirmed."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    kept = forms.CharField(
        label=gettext_lazy("Account that is kept"),
        max_length=254,
        help_text=gettext_lazy("The one they sign in to."),
        widget=forms.TextInput(attrs=PLAIN),
    )

    def clean_former(self) -> User:
        """The one that is closed."""
        return _person(self.cleaned_data["former"])

    def clean_kept(self) -> User:
        """The one that is kept."""
        return _person(self.cleaned_data["kept"])


class Confirmation(forms.Form):
    """That it is meant: the username of the account that is closed."""

    typed = forms.CharField(max_length=254, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, data: Mapping[str, Any] | None = None, *, former: User) -> None:
        super().__init__(data)
        self.former = former
        words = _("Type “{username}” to close that account").format(username=former.username)
        self.fields["typed"].label = words

    def clean_typed(self) -> str:
        """As it is, and nothing like it."""
        typed: str = self.cleaned_data["typed"]
        if typed.strip() != self.former.username:
            raise forms.ValidationError(_("That is not its username."))
        return typed


def _person(name: str) -> User:
    person = find_person(name)
    if person is None:
        raise forms.ValidationError(_("Nobody here has this username or confirmed e-mail address."))
    return person
