"""What a server's page says of the version it is made from, of a newer one, and of what became of its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from environments.builds import queue_place
from environments.differences import Difference, differences
from environments.errors import Explanation, explain
from environments.models import NotebookServer
from environments.references import is_commit
from environments.updating import Stage, stage_of

NAMED = 5
"""How many files are named that both the person and the new version have changed."""
NEW_FOR = timedelta(days=1)
"""How long what became of the files is told without being asked for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A file that both have changed, and where the new version of it is."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Merge:
    """What became of the files, in sentences."""

    summary: str
    pairs: list[Pair]
    more: str
    kept: str
    failure: Explanation | None


@dataclass(frozen=True, slots=True)
class Versions:
    """All that the page says about versions."""

    stage: str
    words: str
    """The stage as a word."""
    is_fixed: bool
    """Whether there never is a newer one, because a commit was asked for by its name."""
    is_new: bool
    """Whether the server has come to this version lately."""
    merge: Merge | None
    changes: list[Difference]
    """In what the server it is to become differs from it, if it is more than the commit."""
    queue_place: int | None


def versions_of(server: NotebookServer, *, now: datetime) -> Versions | None:
    """What there is to say; None while a server is on its way and nothing else is to come,
    and of a copy to try."""
    update = server.pending_update
    if update is None and (server.is_on_the_way or server.is_throwaway):
        return None
    return Versions(
        stage=stage_of(server).value,
        words=_("Preparing") if stage_of(server) == Stage.PREPARING else _("Restarting"),
        is_fixed=is_commit(server.ref),
        is_new=now - server.version_since < NEW_FOR,
        merge=merge_of(server.merge_report),
        changes=_changes(server),
        queue_place=queue_place(update.build) if update and update.build else None,
    )


def _changes(server: NotebookServer) -> list[Difference]:
    update = server.pending_update
    if update is None:
        return []
    found = differences(server.target, update.target)
    return found if len(found) > 1 or update.commit == server.commit else []


def merge_of(report: dict[str, Any]) -> Merge | None:
    """The words for a stored report; None if there is none."""
    if not report:
        return None
    if "failure_code" in report:
        return Merge("", [], "", "", explain(report["failure_code"], report["failure_facts"]))
    beside = report["beside"]
    pairs = [Pair(*names) for names in zip(beside["names"], report["targets"], strict=False)][:NAMED]
    return Merge(_summary(report), pairs, _more(beside["count"] - len(pairs)), _kept(report["kept"]["count"]), None)


def _summary(report: dict[str, Any]) -> str:
    added, replaced, deleted = (report[kind]["count"] for kind in ("added", "replaced", "deleted"))
    kinds = [
        (added, ngettext("%(n)d file added", "%(n)d files added", added)),
        (replaced, ngettext("%(n)d file brought up to date", "%(n)d files brought up to date", replaced)),
        (deleted, ngettext("%(n)d file removed", "%(n)d files removed", deleted)),
    ]
    told = ", ".join(words % {"n": count} for count, words in kinds if count)
    if told:
        return f"{told}."
    return "" if report["beside"]["count"] or report["kept"]["count"] else _("No file of yours had to change.")


def _more(count: int) -> str:
    if count <= 0:
        return ""
    words = ngettext(
        "And %(n)d more, with the new version beside it in the same way.",
        "And %(n)d more, with the new versions beside them in the same way.",
        count,
    )
    return words % {"n": count}


def _kept(count: int) -> str:
    if not count:
        return ""
    words = ngettext(
        "%(n)d file that you had changed or deleted is left as it is.",
        "%(n)d files that you had changed or deleted are left as they are.",
        count,
    )
    return words % {"n": count}
