"""What people fill in about themselves and their tokens."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import LoginForm, SignupForm
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Scope, User

TOKEN_DAYS = (1, 7, 30, 90, 365)
_REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


def _expiries() -> list[tuple[int, str]]:
    return [(days, ngettext("%(days)d day", "%(days)d days", days) % {"days": days}) for days in TOKEN_DAYS]


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth is untyped
    """allauth's, asking in words for what it accepts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Username or e-mail address")
        _drop_placeholders(self)


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth is untyped
    """allauth's, saying what each field is for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = _("What you sign in with. Letters, digits and @ . + - _ only.")
        self.fields["email"].label = _("E-mail address")
        self.fields["email"].help_text = _("For getting back in when you forget your password.")
        _drop_placeholders(self)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """How somebody is called, and in which language and time zone pages speak to them."""

    class Meta:
        model = User
        fields = ["display_name", "language", "time_zone"]
        help_texts = {
            "display_name": _("How other people see you. Without one they see your username."),
            "time_zone": _("In which the site shows dates and times."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [("", _("The language of my browser")), *settings.LANGUAGES]
        self.fields["language"] = forms.ChoiceField(
            label=self.fields["language"].label, choices=languages, required=False
        )
        self.fields["time_zone"] = forms.ChoiceField(
            label=self.fields["time_zone"].label,
            help_text=self.fields["time_zone"].help_text,
            choices=[("", _("The time zone of my browser")), *time_zone_choices()],
            required=False,
        )
        self.fields["display_name"].widget.attrs["autocomplete"] = "name"


class TokenForm(forms.Form):
    """What a new API token is for, what it may do, and for how long."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("So that you know later what it was for, for example “notebook backup”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("It may"),
        choices=Scope.choices,
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": _("Tick at least one, or the token is good for nothing.")},
    )
    days = forms.TypedChoiceField(label=_("It expires after"), choices=_expiries, coerce=int, initial=30)


def _drop_placeholders(form: forms.BaseForm) -> None:
    """They only repeat the labels, and look like something already filled in."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


@cache
def time_zone_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every place-named time zone, by region: `("Europe", [("Europe/Paris", "Paris"), …])`."""
    regions: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(available_timezones()):
        region, _slash, place = name.partition("/")
        if region in _REGIONS:
            regions[region].append((name, place.replace("_", " ").replace("/", ", ")))
    return [("UTC", [("UTC", "UTC")]), *sorted(regions.items())]
