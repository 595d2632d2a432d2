"""The files of commits, fetched once and kept for everybody who is to get them.

Asked for by verbs, fetched by a worker under a lease, and kept in a volume of their own: so they are there for
whatever runs servers, on whichever machine. What nobody needed for long is removed; the row goes on saying which
files there were.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import ProtectedError, Q
from django.utils import timezone

from accounts.models import User
from environments.backends import volume_store
from environments.builders.material import MEGABYTE, Bounds, Taken, fetch
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.git_credentials import credential_for
from environments.leases import kept_alive, lease_from
from environments.models import SourceTree
from environments.processes import end_labelled, installation_label
from environments.queueing import enqueue
from environments.trees import full_disk_reported, remove_tree
from environments.values import Credential, Material, ResolvedRepository

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(minutes=1)
"""A fetch that failed is tried again for whoever needs it, but not for a whole class at once."""
KEPT = timedelta(days=30)
"""How long files are kept that nobody needs."""
NOTED_EVERY = timedelta(hours=6)
"""How exactly it is known when they were last needed."""

_TREE_ID = "CARREL_TREE_ID"

Clock = Callable[[], datetime]
State = SourceTree.State


def request_tree(repository: ResolvedRepository, *, owner: User, now: datetime) -> SourceTree:
    """Have these files fetched, unless they are there or on their way. `owner` is whose credential may be shown.

    Asking again is how a fetch that failed is tried again.
    """
    tree, is_new = SourceTree.objects.get_or_create(
        key=_key(repository, owner),
        defaults={
            "repository_url": repository.url,
            "commit": repository.commit,
            "is_private": repository.is_private,
            "owner": owner,
            "requested_at": now,
            "used_at": now,
        },
    )
    if is_new:
        enqueue("fetch_tree", tree.pk)
    return need_tree(tree, now=now)


def need_tree(tree: SourceTree, *, now: datetime) -> SourceTree:
    """Note that it is needed, and have it fetched again if it is not there. Costs nothing where all is well."""
    if tree.used_at < now - NOTED_EVERY:
        tree.used_at = now
        SourceTree.objects.filter(pk=tree.pk).update(used_at=now)
    has_failed = tree.state == State.FAILED and tree.requested_at <= now - RETRY_AFTER
    if has_failed or tree.state == State.REMOVED:
        _request_again(tree, now=now)
    return tree


def keep_trees(keys: Any, *, now: datetime) -> None:
    """Note of many at once that they are needed. `keys` is a query or a collection of primary keys."""
    SourceTree.objects.filter(pk__in=keys, used_at__lt=now - NOTED_EVERY).update(used_at=now)


def find_tree(repository: ResolvedRepository, *, owner: User) -> SourceTree | None:
    """What is known of these files, if somebody has ever asked for them."""
    return SourceTree.objects.filter(key=_key(repository, owner)).first()


def lose_tree(tree: SourceTree, *, now: datetime) -> None:
    """Have it fetched again: its volume is gone, whoever removed that."""
    _request_again(tree, now=now)


def enqueue_waiting_trees(*, now: datetime) -> None:
    """Ask workers to fetch whatever waits for it, and what a dead worker has left."""
    abandoned = Q(state=State.FETCHING, lease_expires_at__lt=now)
    for key in SourceTree.objects.filter(Q(state=State.QUEUED) | abandoned).values_list("pk", flat=True):
        enqueue("fetch_tree", key)


def carry_out_fetch(tree: SourceTree, *, clock: Clock = timezone.now) -> None:
    """Fetch a tree that waits, or that a dead worker has left, and put it into its volume. Safe to repeat."""
    if not _claim(tree, now=clock()):
        return
    try:
        with kept_alive(lambda: _renew_lease(tree, clock())):
            taken = _fetch(tree, now=clock())
        ended: dict[str, Any] = {
            "state": State.READY,
            "manifest": dict(taken.manifest),
            "left_out": list(taken.left_out),
            "bytes": taken.size,
            "attempts": 0,
        }
    except EnvironmentsError as error:
        logger.info("the files of %s could not be fetched: %s", tree, error)
        ended = {"state": State.FAILED, "failure_code": error.code, "failure_facts": error.facts}
        _forget_files(tree)
    except Exception:
        _end(tree, {"state": State.FAILED, "failure_code": "unexpected", "failure_facts": {}})
        raise
    _end(tree, ended)


def remove_unneeded_trees(*, now: datetime) -> None:
    """Remove the files nobody has needed for long, and of those that were never brought to anybody the row too."""
    idle = SourceTree.objects.filter(state__in=(State.READY, State.FAILED), used_at__lt=now - KEPT)
    for tree in idle.unwanted():
        if SourceTree.objects.filter(pk=tree.pk, state=tree.state, used_at=tree.used_at).update(state=State.REMOVED):
            _forget_files(tree)
    for tree in SourceTree.objects.filter(state=State.REMOVED).unwanted().without_use():
        with suppress(ProtectedError):  # Somebody may want to go back to it.
            tree.delete()


# --- Steps -------------------------------------------------------------------------------------------------


def bounds() -> Bounds:
    """How much may be given to people in this way."""
    return Bounds(
        bytes=settings.MATERIAL_MAX_MB * MEGABYTE,
        files=settings.MATERIAL_MAX_FILES,
        seconds=settings.MATERIAL_TIME_LIMIT_SECONDS,
    )


def _key(repository: ResolvedRepository, owner: User) -> str:
    whose = str(owner.pk) if repository.is_private else ""
    return hashlib.sha256("\0".join([repository.url, repository.commit, whose]).encode()).hexdigest()


def _request_again(tree: SourceTree, *, now: datetime) -> None:
    again = {"state": State.QUEUED, "attempts": 0, "requested_at": now, "failure_code": "", "failure_facts": {}}
    if SourceTree.objects.filter(pk=tree.pk, state=tree.state).update(**again):
        tree.state = State.QUEUED
        enqueue("fetch_tree", tree.pk)


def _claim(tree: SourceTree, *, now: datetime) -> bool:
    free = Q(state=State.QUEUED) | Q(state=State.FETCHING, lease_expires_at__lt=now)
    attempt = {"state": State.FETCHING, "attempts": tree.attempts + 1, "lease_expires_at": lease_from(now)}
    if not SourceTree.objects.filter(free, pk=tree.pk, attempts=tree.attempts).update(**attempt):
        return False
    tree.attempts += 1
    return True


def _fetch(tree: SourceTree, *, now: datetime) -> Taken:
    if tree.attempts > MAX_ATTEMPTS:
        raise SystemFailure("material_interrupted")
    labels = {**installation_label(Path(settings.CARREL_DATA)), _TREE_ID: tree.id.hex}
    with _place(tree, labels) as place, full_disk_reported():
        taken = fetch(tree.resolved, place, labels=labels, bounds=bounds(), credential=_credential_for(tree, now=now))
        store = volume_store()
        store.delete(tree.volume_key)  # Half of it may have been written before.
        store.create(tree.volume_key)
        store.write(tree.volume_key, Material.FOLDER, taken.stream(), max_bytes=bounds().archive_bytes)
        return taken


@contextmanager
def _place(tree: SourceTree, labels: dict[str, str]) -> Iterator[Path]:
    """An empty folder, of which nothing is left: neither of this attempt nor of one whose worker was killed."""
    place = Path(settings.CARREL_DATA) / "material" / tree.id.hex
    end_labelled(labels)
    remove_tree(place)
    try:
        with full_disk_reported():
            place.mkdir(parents=True, mode=0o700)
        yield place
    finally:
        remove_tree(place)


def _credential_for(tree: SourceTree, *, now: datetime) -> Credential | None:
    """What a private repository is fetched with. Raises `credential_missing` and `credential_unreadable`."""
    if not tree.is_private:
        return None
    credential = credential_for(tree.owner, tree.repository_url, now=now) if tree.owner else None
    if credential is None:
        raise UserError("credential_missing", host=urlsplit(tree.repository_url).netloc)
    return credential


def _renew_lease(tree: SourceTree, now: datetime) -> bool:
    ours = SourceTree.objects.filter(pk=tree.pk, state=State.FETCHING, attempts=tree.attempts)
    return bool(ours.update(lease_expires_at=lease_from(now)))


def _end(tree: SourceTree, changes: dict[str, Any]) -> None:
    """Write down how it ended, unless another worker has taken it over since."""
    ours = SourceTree.objects.filter(pk=tree.pk, state=State.FETCHING, attempts=tree.attempts)
    if ours.update(lease_expires_at=None, **changes):
        tree.refresh_from_db()
        enqueue("bring_tree", tree.pk)


def _forget_files(tree: SourceTree) -> None:
    try:
        volume_store().delete(tree.volume_key)
    except SystemFailure as trouble:
        logger.warning("the volume of %s could not be removed: %s", tree, trouble)
