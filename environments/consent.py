"""A person's word before a link from elsewhere starts anything: what would run, shown and then signed.

A proposal is bound to the person, to the resolved commit and to everything that would be given. It is a text
that we sign, so nothing is stored until somebody agrees. Each agreement counts once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.core.cache import cache

from accounts.models import User
from environments.errors import UserError
from environments.links import PREFIX, link_to, read_link
from environments.models import RepositoryTrust
from environments.values import LaunchSpec, Reference, ResolvedRepository

LIFETIME = timedelta(hours=1)
"""How long a page may stay open before its question has to be asked again."""

_SALT = "environments.consent"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person is asked to agree to: this launch, of exactly this commit.

    `server_id` is the server of theirs that could become it, empty where there is none.
    """

    spec: LaunchSpec
    resolved: ResolvedRepository
    server_id: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A person's word about a proposal; `once` tells it from every other."""

    proposal: Proposal
    once: str


def sign_proposal(proposal: Proposal, *, user: User, now: datetime) -> str:
    """The proposal as a text that only we can make, for this person and for an hour."""
    resolved = proposal.resolved
    content = {
        "person": str(user.pk),
        "link": link_to(proposal.spec),
        "server": proposal.server_id,
        "resolved": [resolved.url, resolved.commit, resolved.ref, resolved.is_private],
        "until": (now + LIFETIME).timestamp(),
        "once": secrets.token_urlsafe(12),
    }
    return signing.dumps(content, salt=_SALT, compress=True)


def read_agreement(signed: str, *, user: User, now: datetime) -> Agreement:
    """What this person has agreed to.

    Raises UserError `consent_invalid` for a text that is not ours or was made for somebody else, and
    `consent_expired`.
    """
    try:
        content = signing.loads(signed, salt=_SALT)
    except signing.BadSignature as error:
        raise UserError("consent_invalid") from error
    if content["person"] != str(user.pk):
        raise UserError("consent_invalid", detail=f"made for person {content['person']}")
    if content["until"] < now.timestamp():
        raise UserError("consent_expired")
    path, _mark, query = content["link"].partition("?")
    spec = read_link(path.removeprefix(PREFIX), query).spec
    proposal = Proposal(spec, ResolvedRepository(*content["resolved"]), content["server"])
    return Agreement(proposal, content["once"])


def was_used(agreement: Agreement) -> bool:
    """Whether something was launched by it. One that came to nothing may be given again."""
    return bool(cache.get(_used_key(agreement)))


def note_use(agreement: Agreement) -> None:
    """Let it count no more."""
    cache.set(_used_key(agreement), True, LIFETIME.total_seconds())


def needs_consent(user: User, spec: LaunchSpec) -> bool:
    """Whether this person has to be asked before a link may launch this.

    Trust in a repository is trust in what it runs. Whatever a link wants to be given besides is asked for each time.
    """
    return gives_more(spec) or not is_trusted(user, spec.reference)


def gives_more(spec: LaunchSpec) -> bool:
    """Whether the server would be given anything beside its own and the person's files."""
    return bool(spec.mounts or spec.collaborators or spec.with_credentials)


def is_trusted(user: User, reference: Reference) -> bool:
    """Whether this person wants not to be asked about this repository."""
    return RepositoryTrust.objects.filter(
        owner=user, provider=reference.provider, repository=reference.repository
    ).exists()


def trust_repository(user: User, reference: Reference) -> None:
    """Do not ask this person about this repository again; nothing if that is so already."""
    RepositoryTrust.objects.get_or_create(owner=user, provider=reference.provider, repository=reference.repository)


def _used_key(agreement: Agreement) -> str:
    return f"consent:{agreement.once}"
