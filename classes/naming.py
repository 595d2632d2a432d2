"""What the servers and shared files of a class are called: after its address, as far as such names can say it."""

from __future__ import annotations

import hashlib
import re

from environments.naming import MAX_SERVER_NAME

TEACHER = "-teacher"
_DIGITS = 6


def server_name(slug: str, *, of_teachers: bool = False) -> str:
    """The name of a member's server of the class at this address; teachers may have one of their own beside it."""
    return name_after(slug, TEACHER if of_teachers else "")


def name_after(slug: str, suffix: str = "") -> str:
    """The address as a name of a server or of shared files, which are shorter and begin with a letter."""
    words = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
    stem = words if words[:1].isalpha() else f"class-{words}"
    room = MAX_SERVER_NAME - len(suffix)
    if len(stem) > room:  # Two long addresses may begin alike.
        ending = hashlib.sha256(slug.encode()).hexdigest()[:_DIGITS]
        stem = f"{stem[: room - _DIGITS - 1].rstrip('-')}-{ending}"
    return f"{stem}{suffix}"
