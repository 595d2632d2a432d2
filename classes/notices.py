"""Tells the live pages of a class that something in it changed. What changed they read from the rows."""

from __future__ import annotations

from uuid import UUID

from environments.live import announce


def course_group(course_id: UUID) -> str:
    """The channel group of everybody who looks at this class live."""
    return f"course.{course_id}"


def announce_course(course_id: UUID) -> None:
    """Wake the live pages of this class, once the change is committed."""
    announce(course_group(course_id))
