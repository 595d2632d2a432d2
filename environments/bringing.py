"""Brings files into servers that come from no image: newer material, without a new environment.

The row of a server says what its files were last brought to, and what they are to be brought to. A server that runs
gets it at once, another while it starts; either way a worker merges under a lease, and whoever takes over from one
that died merges again and tells the same. That it could not be done keeps nobody from working.

From then on these files come from here and from no image: an update of the environment leaves them alone
(`owned_by_material`), so that nothing is merged twice or taken back to older content.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from environments.backends import builder, spawner
from environments.errors import EnvironmentsError, SystemFailure
from environments.leases import kept_alive, lease_from
from environments.live import announce_server
from environments.merging import Merged
from environments.models import NotebookServer, ServerMaterial, SourceTree
from environments.mounts import HOME_MOUNT, mounts_of
from environments.queueing import enqueue
from environments.source_trees import find_tree, lose_tree, need_tree, request_tree
from environments.values import Image, Manifest, Material, ResolvedRepository

logger = logging.getLogger(__name__)

MAX_REPORTS = 5

Clock = Callable[[], datetime]
State = NotebookServer.State


def bring_material(server: NotebookServer, material: ResolvedRepository, *, owner: User, now: datetime) -> None:
    """Have the server's files brought to this commit: at once if it runs, else while it starts.

    Call it whenever somebody opens the server, before it is started: one question to the database where there is
    nothing to do. `owner` is whose credential a private repository is fetched with. Nothing that goes wrong with
    the repository is raised: the row (`server.material`) says it, and calling this again tries again.
    """
    row = ServerMaterial.objects.filter(server=server).select_related("base", "wanted").defer(*_MANIFESTS).first()
    if row is not None and (row.wanted.repository_url, row.wanted.commit) == (material.url, material.commit):
        tree = need_tree(row.wanted, now=now)
        if row.is_up_to_date:
            return
        ServerMaterial.objects.filter(pk=row.pk).exclude(failure_code="").update(**_NO_FAILURE)
    else:
        tree = request_tree(material, owner=owner, now=now)
        ServerMaterial.objects.update_or_create(server=server, defaults={"wanted": tree, **_NO_FAILURE})
    if (row is None or row.base is None) and material.url == server.repository_url:
        request_tree(_filled_from(server), owner=owner, now=now)
    if server.state == State.RUNNING and tree.is_ready:
        enqueue("bring_material", server.pk)


def enqueue_waiting_material(*, now: datetime, tree: SourceTree | None = None) -> None:
    """Ask workers to bring whatever can be brought now; only what comes of this tree, if one is named."""
    waiting = ServerMaterial.objects.waiting(now=now)
    if tree is not None:
        waiting = waiting.filter(wanted=tree)
    for key in waiting.values_list("server", flat=True):
        enqueue("bring_material", key)


def carry_out_bring(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Bring into the files of a server that runs what they are to be brought to. Safe to repeat at any moment."""
    if server.state == State.RUNNING:
        _bring(server, clock)


def bring_while_starting(server: NotebookServer, *, clock: Clock) -> bool:
    """The same for a server that is about to answer for the first time, whose files are there. Whether it took time."""
    return _bring(server, clock)


def owned_by_material(server: NotebookServer) -> Collection[str]:
    """The files of this server that no image brings any more; none as long as nothing was brought to it.

    Where the material is of the environment's own repository, those are besides all of the commits that its image
    comes from, as far as they are known: a file that is gone from the material must not come back with an image.
    """
    row = ServerMaterial.objects.filter(server=server).exclude(base=None).select_related("base").first()
    if row is None or row.base is None:
        return ()
    paths = set(row.base.files)
    if row.base.repository_url == server.repository_url:
        commits = {server.commit, server.files_commit}
        trees = SourceTree.objects.filter(repository_url=server.repository_url, commit__in=commits)
        paths.update(*trees.values_list("manifest", flat=True))
    return paths


# --- Steps -------------------------------------------------------------------------------------------------

_MANIFESTS = ("base__manifest", "wanted__manifest")
_NO_FAILURE: dict[str, Any] = {"failure_code": "", "failure_facts": {}}


def _bring(server: NotebookServer, clock: Clock) -> bool:
    """Whether there was anything to do."""
    row = ServerMaterial.objects.filter(server=server).defer(*_MANIFESTS).select_related("base", "wanted").first()
    if row is None or row.is_up_to_date or not row.wanted.is_ready or not _is_base_known(server, row):
        return False
    if not _claim(row, now=clock()):
        return False
    try:
        with kept_alive(lambda: _renew_lease(row, clock())):
            merged = _merge(server, row)
    except EnvironmentsError as error:
        _fail(server, row, error, now=clock())
    except BaseException:
        _of(row).update(lease_expires_at=None)
        raise
    else:
        _record(server, row, merged, now=clock())
    return True


def _is_base_known(server: NotebookServer, row: ServerMaterial) -> bool:
    """Whether it is known what the image's own files were, or clear that it never will be."""
    first = _first_tree(server, row)
    return first is None or not first.is_active


def _first_tree(server: NotebookServer, row: ServerMaterial) -> SourceTree | None:
    """The files that the home was filled with, where those are an earlier version of the material."""
    if row.base is not None or row.wanted.repository_url != server.repository_url or row.wanted.owner is None:
        return None
    return find_tree(_filled_from(server), owner=row.wanted.owner)


def _filled_from(server: NotebookServer) -> ResolvedRepository:
    return ResolvedRepository(
        server.repository_url, server.files_commit or server.commit, server.ref, server.is_private
    )


def _merge(server: NotebookServer, row: ServerMaterial) -> Merged:
    """Raises what the spawner raises, and `image_missing`."""
    image = builder().find(server.image_key)
    if image is None:
        raise SystemFailure("refresh_failed", detail="the server's image is gone")
    wanted = row.wanted
    material = Material(wanted.volume_key, wanted.commit, wanted=wanted.files, given=_given(server, row))
    return spawner().bring(
        server.volume.key,
        material,
        image=image,
        filled_from=None if row.base else _filling_image(server),
        leave_out=_mount_folders(server),
    )


def _given(server: NotebookServer, row: ServerMaterial) -> Manifest:
    """What was brought before; at first, what the commit of the image has."""
    tree = row.base or _first_tree(server, row)
    return tree.files if tree else {}


def _filling_image(server: NotebookServer) -> Image | None:
    return builder().find(server.files_image_key or server.image_key)


def _mount_folders(server: NotebookServer) -> set[str]:
    places = [HOME_MOUNT, *(PurePosixPath(mount.path) for mount in mounts_of(server))]
    return {place.parts[0] for place in places}


def _claim(row: ServerMaterial, *, now: datetime) -> bool:
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=now)
    return bool(_of(row).filter(free, base=row.base).update(lease_expires_at=lease_from(now)))


def _renew_lease(row: ServerMaterial, now: datetime) -> bool:
    return bool(_of(row).filter(base=row.base).update(lease_expires_at=lease_from(now)))


def _record(server: NotebookServer, row: ServerMaterial, merged: Merged, *, now: datetime) -> None:
    """Write down what the files are now, whatever they are to become since."""
    report = {"commit": row.wanted.commit, "at": now.isoformat(), **asdict(merged)}
    with transaction.atomic():
        _of(row).filter(base=row.base).update(
            base=row.wanted,
            brought_at=now,
            reports=[report, *row.reports][:MAX_REPORTS],
            lease_expires_at=None,
            **_NO_FAILURE,
        )
        announce_server(server)
        if not _of(row).filter(wanted=row.wanted).exists():  # Something newer was asked for meanwhile.
            enqueue("bring_material", server.pk)


def _fail(server: NotebookServer, row: ServerMaterial, error: EnvironmentsError, *, now: datetime) -> None:
    logger.warning("material could not be brought to server %s: %s", server.pk, error)
    with transaction.atomic():
        if error.code == "material_missing":  # Not the end: once it is fetched again, it is brought.
            lose_tree(row.wanted, now=now)
            _of(row).update(lease_expires_at=None)
        else:
            failure = {"failure_code": error.code, "failure_facts": error.facts}
            _of(row).filter(wanted=row.wanted).update(**failure)
            _of(row).update(lease_expires_at=None)
        announce_server(server)


def _of(row: ServerMaterial) -> Any:
    return ServerMaterial.objects.filter(pk=row.pk)
