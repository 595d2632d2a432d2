"""The four steps of a launch, as its page shows them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from environments.models import Build, NotebookServer
from environments.refreshing import needs_refresh

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

State = NotebookServer.State


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `status` is done, current, failed or next."""

    key: str
    status: str
    label: str | _StrPromise


def steps_of(server: NotebookServer) -> list[Step]:
    """How far a server on its way has come, or where it failed."""
    labels = {"find": _("Find"), "prepare": _("Prepare"), "start": _("Start"), "ready": _("Ready")}
    keys = list(labels)
    reached = keys.index(_reached(server))
    here = "failed" if server.state == State.FAILED else "done" if server.state == State.RUNNING else "current"
    return [
        Step(key, "done" if index < reached else here if index == reached else "next", labels[key])
        for index, key in enumerate(keys)
    ]


def sentence_of(server: NotebookServer) -> str:
    """What is being done right now, in one sentence."""
    if server.state == State.STARTING and needs_refresh(server):
        return _("Bringing your files up to the new version.")
    if server.state == State.STARTING:
        return _("Starting your server.")
    if server.state == State.QUEUED and server.build is None:
        return _("Waiting for a free place to start.")
    if server.build is not None and server.build.state == Build.State.QUEUED:
        return _("Waiting for a free place to prepare the environment.")
    if server.build is not None and server.build.state == Build.State.FETCHING:
        return _("Fetching the files of the repository.")
    return _("Preparing the environment. The first time takes a few minutes; after that it is quick.")


def _reached(server: NotebookServer) -> str:
    if server.state == State.RUNNING:
        return "ready"
    build = server.build
    if server.state == State.STARTING or build is None or build.state == Build.State.SUCCEEDED:
        return "start"
    return "find" if build.state in (Build.State.QUEUED, Build.State.FETCHING) or _failed_early(build) else "prepare"


def _failed_early(build: Build) -> bool:
    return build.failure_code.startswith(("repository_", "ref_", "credential_"))
