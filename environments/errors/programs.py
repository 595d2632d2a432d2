"""What programs are told that ask over the API."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import Reason

REASONS: dict[str, Reason] = {
    "not_authenticated": Reason(
        _("You are not signed in, or the token is unknown, expired or revoked."),
        _("Make a token on your account page and send it in the header “Authorization: Bearer …”."),
        status=401,
    ),
    "scope_missing": Reason(
        _("This token does not have the scope “{scope}”."),
        _("Make a token with this scope on your account page."),
        status=403,
    ),
    "page_refused": Reason(
        _("Pages of “{origin}” may not ask this Carrel for anything."),
        _("Ask whoever runs this Carrel to add this address to API_ALLOWED_ORIGINS."),
        status=403,
    ),
    "event_stream_only": Reason(
        _("This address answers with a stream of events only."),
        _("Send the header “Accept: text/event-stream”."),
    ),
    "method_not_allowed": Reason(
        _("This address does not answer this method."),
        _("The header Allow names the methods it answers."),
        status=405,
    ),
    "throttled": Reason(
        _("That was asked too often."),
        _("Wait as many seconds as the header Retry-After says."),
        status=429,
    ),
}
