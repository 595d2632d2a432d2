"""What whoever runs this Carrel says of a learning platform: all of it, or as little as is needed for one they know."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _

from environments.errors import EnvironmentsError
from lti.addresses import origin
from lti.models import MAX_IDENTIFIER, Platform
from lti.models.platform import MAX_ADDRESS

_PAGES_OF_MOODLE = re.compile(r"/(?:my|login|admin|course|mod|user|local)(?:/.*)?$|/(?:index\.php)?$")
_AS_TYPED = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class AddressField(forms.CharField):
    """An address of a platform that may be asked."""

    def __init__(self, *, max_length: int = MAX_ADDRESS, **facts: Any) -> None:
        widget = forms.TextInput(attrs=_AS_TYPED | {"inputmode": "url"})
        super().__init__(max_length=max_length, widget=widget, **facts)

    def validate(self, value: str) -> None:
        """Raise ValidationError for what is no address, or one that nothing may be fetched from."""
        super().validate(value)
        if value and origin(value) is None:
            raise forms.ValidationError(
                _("This has to be an address that begins with https:// (http:// only where your operator allows it).")
            )


class IdentifierField(forms.CharField):
    """A name that machines gave to something; whatever it is, it is compared letter by letter."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(max_length=MAX_IDENTIFIER, widget=forms.TextInput(attrs=_AS_TYPED), **facts)


class _Common(forms.Form):
    """What is asked of each."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What people here know it by, for example “Moodle of the school”.")
    )

    def add_refusal(self, error: EnvironmentsError) -> None:
        """Say what went wrong."""
        self.add_error("client_id", " ".join(error.explain().lines))


class PlatformForm(_Common):
    """A platform as it is."""

    issuer = AddressField(
        label=_("Issuer"),
        max_length=MAX_IDENTIFIER,
        help_text=_("Moodle calls it “Platform ID”. Copy it exactly: a slash at its end makes it another."),
    )
    client_id = IdentifierField(label=_("Client ID"))
    auth_login_url = AddressField(label=_("Authentication request URL"))
    token_url = AddressField(label=_("Access token URL"))
    jwks_url = AddressField(label=_("Public keyset URL"))
    audience = IdentifierField(
        label=_("Audience of access tokens"),
        required=False,
        help_text=_("Only where the platform names one of its own; else it is the access token URL."),
    )
    are_classes_made = forms.BooleanField(
        label=_("Its teachers may make classes here, from their courses"), required=False
    )

    @classmethod
    def of(cls, platform: Platform) -> PlatformForm:
        """As it is described now."""
        return cls(initial={name: getattr(platform, name) for name in cls.base_fields})

    @property
    def facts(self) -> dict[str, Any]:
        """What it says of a platform, once it is valid."""
        return {name: self.cleaned_data[name] for name in PlatformForm.base_fields}


class _Adding(forms.Form):
    """What is asked when one is added."""

    deployment_id = IdentifierField(
        label=_("Deployment ID"),
        required=False,
        help_text=_("Leave it empty if there are several, or you do not know it: you can approve them when they come."),
    )

    def __init__(self, data: Any = None, **facts: Any) -> None:
        super().__init__(data, initial={"are_classes_made": True}, **facts)

    @property
    def deployment(self) -> str:
        """Where it puts us first; empty if that is not known."""
        given: str = self.cleaned_data["deployment_id"]
        return given


class OtherForm(_Adding, PlatformForm):
    """Any platform, with everything it shows."""

    field_order = (*PlatformForm.base_fields, "deployment_id", "are_classes_made")


class _KnownForm(_Adding, _Common):
    """One of which nearly all is known."""

    client_id = IdentifierField(label=_("Client ID"))
    are_classes_made = PlatformForm.base_fields["are_classes_made"]

    @property
    def _given(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("name", "client_id", "are_classes_made")}


class MoodleForm(_KnownForm):
    """One whose address says where everything is."""

    site = AddressField(
        label=_("Address of your Moodle"),
        max_length=MAX_IDENTIFIER,
        help_text=_("Moodle calls it “Platform ID”, for example https://moodle.example.org."),
    )
    field_order = ("name", "site", "client_id", "deployment_id", "are_classes_made")

    def clean_site(self) -> str:
        """Without the page of it that somebody happened to copy."""
        parts = urlsplit(self.cleaned_data["site"])
        site: str = parts._replace(path=_PAGES_OF_MOODLE.sub("", parts.path), query="", fragment="").geturl()
        return site

    @property
    def facts(self) -> dict[str, Any]:
        """What it says of a platform, once it is valid."""
        site = self.cleaned_data["site"]
        named = {"auth_login_url": "auth", "token_url": "token", "jwks_url": "certs"}
        addresses = {field: f"{site}/mod/lti/{page}.php" for field, page in named.items()}
        return self._given | addresses | {"issuer": site, "product": "moodle"}


class CanvasForm(_KnownForm):
    """A school at Canvas's maker: all of them have the same addresses, and the client ID tells them apart."""

    field_order = ("name", "client_id", "deployment_id", "are_classes_made")

    @property
    def facts(self) -> dict[str, Any]:
        """What it says of a platform, once it is valid."""
        host = "https://sso.canvaslms.com"
        return self._given | {
            "issuer": "https://canvas.instructure.com",
            "auth_login_url": f"{host}/api/lti/authorize_redirect",
            "token_url": f"{host}/login/oauth2/token",
            "jwks_url": f"{host}/api/lti/security/jwks",
            "product": "canvas",
        }


class DeploymentForm(forms.Form):
    """One more place where a platform has put us."""

    deployment_id = IdentifierField(label=_("Deployment ID"))


KINDS: dict[str, type[MoodleForm | CanvasForm | OtherForm]] = {
    "moodle": MoodleForm,
    "canvas": CanvasForm,
    "other": OtherForm,
}
