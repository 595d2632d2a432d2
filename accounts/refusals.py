"""Why somebody who came from their institution is not let in: a code, its words, and a page that says them.

The page tells the person what to do. What an operator needs beside that goes to the log: the code and a detail, which
hold no token, no assertion and nothing a provider said of a person.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.socialaccount.providers.base import ProviderException
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from accounts.identity_providers import IdentityProvider

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reason:
    """The words for one code, and the HTTP status of its page."""

    sentence: str | _StrPromise
    next_step: str | _StrPromise
    status: int


_TELL = _("Try again. If it happens again, tell whoever runs this Carrel.")
_AGAIN = _("Begin again from here.")

REASONS = {
    "cancelled": Reason(
        _("You did not sign in at {name}."), _("Try again when you like, or sign in another way."), 403
    ),
    "denied": Reason(_("{name} did not let you sign in here."), _("Ask there whether you may use this site."), 403),
    "unreachable": Reason(
        _("{name} does not answer at the moment."), _("Nothing is wrong with your account. Try again in a minute."), 503
    ),
    "unreadable": Reason(_("{name} gave an answer that cannot be understood."), _TELL, 502),
    "untrusted": Reason(_("What {name} said of you could not be checked, so you are not signed in."), _TELL, 403),
    "other_site": Reason(
        _("What {name} said of you was meant for another site, so you are not signed in."), _TELL, 403
    ),
    "too_late": Reason(
        _("What {name} said of you is too old, or not valid yet."),
        _("Try again. If it happens again, a clock is wrong there or here: tell whoever runs this Carrel."),
        403,
    ),
    "stale": Reason(
        _("This sign-in was begun too long ago or in another browser, or has been used already."), _AGAIN, 403
    ),
    "nameless": Reason(
        _("{name} did not say who you are in a way that stays the same."), _("Tell whoever runs this Carrel."), 403
    ),
    "email_missing": Reason(
        _("{name} did not give an e-mail address of yours that it has confirmed, and one is needed here."),
        _("Confirm your address there, then try again."),
        403,
    ),
    "email_domain": Reason(
        _("Your e-mail address at {name} is not one of those that may sign in here."),
        _("If you have another account there, use that. Else ask whoever runs this Carrel."),
        403,
    ),
    "no_account": Reason(
        _("You have no account here yet, and signing in at {name} does not make one."),
        _(
            "Ask your teacher, or whoever runs this Carrel, for one. "
            "If you have one, sign in with its password and connect {name} on your account page."
        ),
        403,
    ),
}


class SignInRefused(ProviderException):  # type: ignore[misc]  # allauth is untyped
    """Somebody is not let in. `code` is a key of `REASONS`; `detail` is for the log and holds no secret."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def refusal(
    request: HttpRequest, provider: IdentityProvider, refused: SignInRefused, *, next_url: str = ""
) -> HttpResponse:
    """The page about it, which keeps where they were going; and a line in the log."""
    logger.warning("sign-in by %s refused: %s (%s)", provider.key, refused.code, refused.detail or "no more is known")
    reason = REASONS[refused.code]
    words = {
        "sentence": str(reason.sentence).format(name=provider.name),
        "next_step": str(reason.next_step).format(name=provider.name),
        "sign_in_url": with_next(reverse("account_login"), next_url),
    }
    page = render(request, "accounts/sign_in_refused.html", words, status=reason.status)
    add_never_cache_headers(page)
    return page


def with_next(url: str, next_url: str) -> str:
    """The address, with where to go from there."""
    query = QueryDict(mutable=True)
    if next_url:
        query["next"] = next_url
    return f"{url}?{query.urlencode()}" if query else url
