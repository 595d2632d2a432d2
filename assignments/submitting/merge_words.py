"""What a corrected release has changed in a student's copy, in words for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def words_of(news: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each thing that has changed, or was left as it is, as `Fetch.news` keeps it."""
    return [sentence for one in news for sentence in _sentences(one)]


def _sentences(one: Mapping[str, Any]) -> Iterable[str]:
    if file := one.get("file"):
        yield _("{file}: you have changed it, so it stays as it is. The corrected one is not in your copy.").format(
            file=file
        )
        return
    notebook = one["notebook"]
    if one.get("is_left_alone"):
        yield _("{notebook}: it cannot be read as a notebook, so it was left as it is.").format(notebook=notebook)
        return
    for key, count in ((key, len(one[key])) for key in ("updated", "added", "removed")):
        if count:
            yield _counted(key, count).format(notebook=notebook, count=count)
    if aside := one["set_aside"]:
        yield _("{notebook}: what you had written in {cells} is kept in a cell of its own below.").format(
            notebook=notebook, cells=", ".join(aside)
        )


def _counted(key: str, count: int) -> str:
    if key == "updated":
        return ngettext("{notebook}: {count} cell was corrected.", "{notebook}: {count} cells were corrected.", count)
    if key == "added":
        return ngettext("{notebook}: {count} cell is new.", "{notebook}: {count} cells are new.", count)
    return ngettext("{notebook}: {count} cell is gone.", "{notebook}: {count} cells are gone.", count)
