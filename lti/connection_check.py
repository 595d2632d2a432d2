"""Trying whether a platform and Carrel reach each other, step by step, and saying what to do where they do not.

Nothing is changed by it, here or there: pages are read, and tokens are asked for that nobody uses. It ends in about a
minute whatever the platform does: where it is silent once, it is not asked for the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.errors import EnvironmentsError, Reason
from environments.references import http
from environments.references.http import Answer
from lti import audit, services
from lti.addresses import is_ours, origin
from lti.errors import LtiError
from lti.keys import public_keys, signing_key
from lti.models import Context, Platform
from lti.services import LINE_ITEM, LINE_ITEM_READ, MEMBERS, RESULT, SCORE

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_SECONDS = 40
"""After this long, no further step begins."""
CLOCKS_APART_SECONDS = 30
ROSTER = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
COLUMNS = "application/vnd.ims.lis.v2.lineitemcontainer+json"


class Outcome(StrEnum):
    """What came of a step."""

    OK = "ok"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Step:
    """One of them: its name, and in words what was found; where it failed, the likely cause and what to do."""

    name: str | _StrPromise
    outcome: Outcome
    sentence: str
    next_step: str = ""


class Fault(Exception):
    """A step that failed; the argument is a key of `CAUSES`, the facts fill its words."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


NAMES: dict[str, str | _StrPromise] = {
    "their_keys": _("The platform’s keys"),
    "clocks": _("The two clocks"),
    "our_keys": _("Carrel’s keys at its public address"),
    MEMBERS: _("Permission: the people of a course"),
    LINE_ITEM: _("Permission: columns of the gradebook"),
    LINE_ITEM_READ: _("Permission: seeing columns of the gradebook"),
    SCORE: _("Permission: sending grades"),
    RESULT: _("Permission: seeing grades"),
    "roster": _("The people of a course"),
    "columns": _("The columns of a course"),
}
"""The steps, in their order."""
PERMISSIONS = (MEMBERS, LINE_ITEM, LINE_ITEM_READ, SCORE, RESULT)

CAUSES: dict[str, Reason] = {
    # Reaching an address
    "not_https": Reason(
        _("The address {url} is not on https."),
        _("Correct it here, or list its host in REPOSITORY_ALLOWED_HOSTS if you vouch for it."),
    ),
    "private": Reason(
        _("{url} is in a private network, where Carrel connects to nothing that it was not told to."),
        _("List its host in REPOSITORY_ALLOWED_HOSTS if you vouch for it."),
    ),
    "silent": Reason(
        _("{url} does not answer."),
        _("Look whether the address is right, whether the host is up, and whether a firewall is between the two."),
    ),
    "missing": Reason(_("There is nothing at {url}."), _("Compare it with what the platform shows, letter by letter.")),
    "locked": Reason(
        _("{url} wants somebody to sign in."),
        _("It has to be open to everybody. Ask whoever runs the platform what stands before it."),
    ),
    "broken": Reason(
        _("{url} has a trouble of its own (HTTP status {status})."), _("Try again later, or tell whoever runs it.")
    ),
    "no_keys": Reason(
        _("What is at {url} is not a set of keys."),
        _("It is often a page to sign in, or the address of another page. Compare it with what the platform shows."),
    ),
    # Ours
    "ours_private": Reason(
        _("{url} is at a private address, as seen from here. A platform elsewhere cannot read it, and some refuse to."),
        _("If the platform is in the same network, the permissions below tell. Else give this site a public address."),
    ),
    "ours_silent": Reason(
        _("{url} cannot be reached from here."),
        _("Look whether PUBLIC_URL is the address people use, and whether this machine reaches it."),
    ),
    "ours_another": Reason(
        _("At {url} there are not the keys that Carrel signs with."),
        _("Look whether PUBLIC_URL leads to this very site, and whether something keeps old answers before it."),
    ),
    "no_key": Reason(
        _("Carrel has no key towards this platform that signs."), _("Publish a new key on the platform’s page.")
    ),
    "key_unreadable": Reason(
        _("Carrel cannot open its key towards this platform any more."),
        _("Withdraw it on the platform’s page: a new one takes its place."),
    ),
    # Clocks
    "clock_ahead": Reason(
        _("The platform’s clock is {seconds} seconds ahead of this one."),
        _("Launches are refused as not valid yet. Set both clocks by a time server."),
    ),
    "clock_behind": Reason(
        _("The platform’s clock is {seconds} seconds behind this one."),
        _("Launches are refused as too old. Set both clocks by a time server."),
    ),
    # Tokens
    "keys_unread": Reason(
        _("The platform answered with a page in place of a token. It could most likely not read Carrel’s keys."),
        _(
            "Let it reach {keys_url}: Moodle refuses private addresses and unusual ports until they are allowed under "
            "“HTTP security”."
        ),
    ),
    "client_unknown": Reason(
        _("The platform does not accept who Carrel says it is."),
        _(
            "Compare client ID and access token URL with what it shows. If they are right, it may have kept an old key "
            "of Carrel’s, a clock may be wrong, or it wants an audience of its own."
        ),
    ),
    "scope_refused": Reason(
        _("The platform does not allow it."),
        _("In the settings of the tool there, allow its services. In Moodle they are under “Services”."),
    ),
    "token_refused": Reason(
        _("The platform gives no token."), _("Compare access token URL and client ID with what it shows.")
    ),
    "token_silent": Reason(
        _("{url} does not answer, or has a trouble of its own."),
        _("Look whether the access token URL is right, and whether Carrel can reach it."),
    ),
    # Services
    "service_refused": Reason(
        _("The platform does not show it (HTTP status {status})."),
        _("The course may be gone there, or the tool may not be allowed in it any more."),
    ),
    "service_silent": Reason(_("The platform does not answer."), _("Try again in a minute.")),
    "service_odd": Reason(
        _("The platform answered with something else than was asked for."),
        _("Something may stand before it that answers in its place. Tell whoever runs it."),
    ),
    # Not tried
    "after_silence": Reason(_("The platform did not answer before, so it was not asked."), ""),
    "out_of_time": Reason(_("The steps before took too long."), ""),
    "no_permission": Reason(_("Carrel may not ask for it: see the permission above."), ""),
    "no_course": Reason(_("No course is known yet."), _("Open Carrel from a course there once, and test again.")),
    "no_date": Reason(_("The platform does not say what time it is."), ""),
}


def try_connection(
    platform: Platform,
    *,
    public_url: str,
    by: User | None = None,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
) -> list[Step]:
    """Every step with what came of it."""
    trial = _Trial(platform, public_url, now, clock)
    trial.run()
    good = sum(step.outcome == Outcome.OK for step in trial.steps)
    audit.note("platform_tested", platform=platform, actor=by, now=now, outcome=f"{good}/{len(trial.steps)}")
    return trial.steps


@dataclass
class _Trial:
    """One run through all steps: what was found so far decides what is worth trying."""

    platform: Platform
    public_url: str
    now: datetime
    clock: Callable[[], float]
    steps: list[Step] = field(default_factory=list)
    granted: set[str] = field(default_factory=set)
    is_silent: bool = False
    """Whether the platform did not answer a request for a token."""
    their_answer: Answer | None = None

    def run(self) -> None:
        """Each step in its order."""
        self.ends_at = self.clock() + MAX_SECONDS
        self._try("their_keys", self._read_their_keys)
        self._try("clocks", self._compare_clocks)
        self._try("our_keys", self._read_our_keys)
        for scope in PERMISSIONS:
            self._try(scope, lambda scope=scope: self._ask_for_token(scope))  # type: ignore[misc]
        context = self._context("memberships_url")
        self._try("roster", lambda: self._read_roster(context))
        context = self._context("line_items_url")
        self._try("columns", lambda: self._read_columns(context))

    def _try(self, name: str, step: Callable[[], str]) -> None:
        try:
            if self.clock() >= self.ends_at:
                raise _NotTried("out_of_time")
            self.steps.append(Step(NAMES[name], Outcome.OK, step()))
        except Fault as fault:
            outcome = Outcome.NOT_TRIED if isinstance(fault, _NotTried) else Outcome.FAILED
            cause = CAUSES[fault.code]
            words = (str(text).format_map(fault.facts) for text in (cause.sentence, cause.next_step))
            self.steps.append(Step(NAMES[name], outcome, *words))

    def _read_their_keys(self) -> str:
        url = self.platform.jwks_url
        self.their_answer = _page(url)
        keys = _signing_keys(_read(self.their_answer))
        if not keys:
            raise Fault("no_keys", url=url)
        return _("{count} read, at {url}.").format(count=len(keys), url=url)

    def _compare_clocks(self) -> str:
        if self.their_answer is None:
            raise _NotTried("after_silence")
        said = self.their_answer.headers.get("date", "")
        try:
            ahead = round((parsedate_to_datetime(said) - self.now).total_seconds())
        except (ValueError, TypeError, OverflowError):
            raise _NotTried("no_date") from None
        if abs(ahead) > CLOCKS_APART_SECONDS:
            raise Fault("clock_ahead" if ahead > 0 else "clock_behind", seconds=abs(ahead))
        return str(_("They agree, as far as it matters."))

    def _read_our_keys(self) -> str:
        url = self._keys_url
        try:
            key = signing_key(self.platform, now=self.now)
        except LtiError as error:
            raise Fault("no_key" if error.code == "key_missing" else error.code) from None
        try:
            # The pretend platform is where we are, and reads them there, on whatever address.
            found = _signing_keys(_read(_page(url, is_our_own=is_ours(self.platform.issuer))))
        except Fault as fault:
            is_private = fault.code in ("private", "not_https")
            raise Fault("ours_private" if is_private else "ours_silent", url=url) from None
        ours = {one["kid"]: one for one in public_keys(now=self.now)}
        if {one.get("kid"): one.get("n") for one in found}.get(key.kid) != ours[key.kid]["n"]:
            raise Fault("ours_another", url=url)
        return _(
            "They are the ones Carrel signs with, at {url}. Whether the platform can read them is tried next."
        ).format(url=url)

    def _ask_for_token(self, scope: str) -> str:
        if self.is_silent:
            raise _NotTried("after_silence")
        services.forget_token(self.platform, [scope])
        try:
            services.access_token(self.platform, [scope], now=self.now)
        except EnvironmentsError as error:
            self.is_silent = error.code == "platform_unreachable"
            raise self._why_no_token(error) from None
        self.granted.add(scope)
        return str(_("It is given."))

    def _why_no_token(self, error: EnvironmentsError) -> Fault:
        if error.code == "platform_unreachable":
            return Fault("token_silent", url=self.platform.token_url)
        if error.code == "keys_unread":
            return Fault("keys_unread", keys_url=self._keys_url)
        if error.code == "key_missing":
            return Fault("no_key")
        if error.code == "key_unreadable":
            return Fault("key_unreadable")
        code = error.detail.removeprefix("token: ").partition(",")[0]
        return Fault({"invalid_scope": "scope_refused", "invalid_client": "client_unknown"}.get(code, "token_refused"))

    def _read_roster(self, context: Context | None) -> str:
        said = self._service(context, "memberships_url", [MEMBERS], accept=ROSTER)
        members = said.get("members") if isinstance(said, dict) else None
        if not isinstance(members, list):
            raise Fault("service_odd")
        return _("{count} on the first page of “{context}”.").format(count=len(members), context=context)

    def _read_columns(self, context: Context | None) -> str:
        said = self._service(context, "line_items_url", [LINE_ITEM, LINE_ITEM_READ], accept=COLUMNS)
        if not isinstance(said, list):
            raise Fault("service_odd")
        return _("{count} of Carrel’s in “{context}”.").format(count=len(said), context=context)

    def _service(self, context: Context | None, address: str, scopes: Iterable[str], *, accept: str) -> Any:
        """What the platform says of a course, asked with the first of the scopes that it has granted."""
        if self.is_silent:
            raise _NotTried("after_silence")
        granted = [scope for scope in scopes if scope in self.granted][:1]
        if not granted:
            raise _NotTried("no_permission")
        if context is None:
            raise _NotTried("no_course")
        url: str = getattr(context, address)
        try:
            answer = services.ask(self.platform, "GET", url, scopes=granted, accept=accept, now=self.now)
        except EnvironmentsError:
            raise Fault("service_silent") from None
        if answer.status != 200:
            raise Fault("service_refused", status=answer.status)
        return services.document_of(answer)

    def _context(self, address: str) -> Context | None:
        """The course that came last of those whose address is known."""
        known = Context.objects.filter(deployment__platform=self.platform).exclude(**{address: ""})
        return known.order_by("-created_at").first()

    @property
    def _keys_url(self) -> str:
        return f"{self.public_url}/lti/keys.json"


class _NotTried(Fault):
    """A step that makes no sense after what was found."""


def _page(url: str, *, is_our_own: bool = False) -> Answer:
    """What is at an address that everybody may read. Raises `Fault` where that is no page, with the likely cause."""
    if origin(url) is None and not is_our_own:
        raise Fault("not_https", url=url)
    try:
        answer = http.get(url, headers={"Accept": "application/json"}, is_our_own=is_our_own or is_ours(url))
    except EnvironmentsError as error:
        raise Fault("private" if error.code == "repository_address_forbidden" else "silent", url=url) from None
    status = answer.status
    if status == 200:
        return answer
    meanings = {401: "locked", 403: "locked", 404: "missing", 410: "missing"}
    raise Fault(meanings.get(status, "broken"), url=url, status=status)


def _read(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Fault("no_keys", url=answer.url) from None


def _signing_keys(document: Any) -> list[dict[str, Any]]:
    keys = document.get("keys") if isinstance(document, dict) else None
    found = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    return [key for key in found if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
