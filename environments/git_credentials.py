"""People's own credentials for git hosts: kept sealed, found by the address of a repository, shown to its host alone.

What anybody may fetch is fetched without. A repository that needed one is private to whoever showed it.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from accounts.models import User
from accounts.sealing import SealBroken, reseal, seal, unseal
from environments import references
from environments.errors import UserError
from environments.models import Build, GitCredential
from environments.references.addresses import host_and_port, read_url
from environments.references.credentials import origin_of
from environments.references.guard import is_allowed
from environments.values import Credential, Reference, ResolvedRepository


def keep_credential(owner: User, *, address: str, username: str, password: str, now: datetime) -> GitCredential:
    """Keep what this person shows the host of this address, in place of what they may have kept for it before.

    `address` is the host's, or that of any repository there. Raises UserError `credential_insecure` for a host that
    is not asked by https, unless the operator lists it, and what `references.origin_in` raises.
    """
    origin = references.origin_in(address)
    if not origin.startswith("https://") and not is_allowed(*host_and_port(read_url(origin))):
        raise UserError("credential_insecure", origin=origin)
    sealed = seal(password, _purpose(owner, origin))
    kept, _is_new = GitCredential.objects.update_or_create(
        owner=owner,
        origin=origin,
        defaults={"username": username, "sealed_password": sealed, "created_at": now, "last_used_at": None},
    )
    return kept


def remove_credential(kept: GitCredential) -> None:
    """Forget it. What was made with it stays its owner's."""
    kept.delete()


def credential_for(user: User, url: str, *, now: datetime) -> Credential | None:
    """What this person shows the host of this URL; None if they gave us nothing. Its use is noted.

    Raises UserError `credential_unreadable`.
    """
    kept = GitCredential.objects.filter(owner=user, origin=origin_of(url)).first()
    if kept is None:
        return None
    purpose = _purpose(user, kept.origin)
    try:
        password, sealed = unseal(kept.sealed_password, purpose), reseal(kept.sealed_password, purpose)
    except SealBroken as error:
        raise UserError("credential_unreadable", host=kept.host) from error
    as_read = GitCredential.objects.filter(pk=kept.pk, sealed_password=kept.sealed_password)
    as_read.update(sealed_password=sealed, last_used_at=now)
    return Credential(kept.origin, kept.username, password)


def credential_for_build(build: Build, *, now: datetime) -> Credential | None:
    """What a build's repository is fetched with: nothing if it is public.

    Raises UserError `credential_missing` when it has been removed since the build was asked for, and
    `credential_unreadable`.
    """
    if not build.is_private:
        return None
    person = build.requested_by
    credential = credential_for(person, build.repository_url, now=now) if person is not None else None
    if credential is None:
        raise UserError("credential_missing", host=urlsplit(build.repository_url).netloc)
    return credential


def resolve_for(user: User, reference: Reference, *, now: datetime) -> ResolvedRepository:
    """Which commit the reference means to this person: as `references.resolve`, and private ones they have a key to.

    Raises what that raises, and `credential_unreadable`.
    """
    try:
        return references.resolve(reference)
    except UserError as error:
        page = references.web_url_of(reference)
        credential = credential_for(user, page, now=now) if error.code == "repository_not_found" and page else None
        if credential is None:
            raise
    return references.resolve(reference, credential)


def _purpose(owner: User, origin: str) -> str:
    """What a token is sealed for: moved to another person's row, or another host's, it cannot be opened."""
    return f"git credential of {owner.pk} for {origin}"
