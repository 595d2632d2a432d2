"""What a link leads to, as its custom parameters say it. Pure.

Parameters are what a platform keeps when somebody copies a course; the numbers it gives courses and links are not. A
thing is named by its ID, and by a name beside it: the ID is of one class, and in a copy of that class the name is what
tells the same thing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote
from uuid import UUID

KIND, ID, NAME = "carrel_kind", "carrel_id", "carrel_name"
CONTEXT_HISTORY, LINK_HISTORY = "carrel_context_history", "carrel_link_history"
"""The parameters of a tool in which a platform may put what a course, or a link, was copied from."""
MAX_NAME = 200
MAX_FORMER = 20
"""How many former courses are looked at, the latest first."""


class Kind(StrEnum):
    """What can be linked to."""

    COURSE = "class"
    LESSON = "lesson"
    ASSIGNMENT = "assignment"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a link leads to; the class itself needs no ID."""

    kind: Kind
    id: UUID | None = None
    name: str = ""

    @classmethod
    def read(cls, custom: Mapping[str, str]) -> Target | None:
        """What these parameters say; None if they say nothing that is understood."""
        try:
            kind = Kind(custom.get(KIND, ""))
        except ValueError:
            return None
        name = custom.get(NAME, "")
        return cls(kind, _uuid(custom.get(ID, "")), name if len(name) <= MAX_NAME and "\x00" not in name else "")

    @property
    def custom(self) -> dict[str, str]:
        """As the parameters of a link."""
        said = {KIND: self.kind.value, ID: str(self.id or ""), NAME: self.name}
        return {name: value for name, value in said.items() if value}

    @property
    def key(self) -> str:
        """What it is told from others by, in a form."""
        return f"{self.kind.value}:{self.id}" if self.id else self.kind.value


def former_ids(custom: Mapping[str, str], name: str) -> list[str]:
    """What was copied, the latest first. A variable that the platform does not know comes back as it was sent."""
    said = custom.get(name, "")
    if said.startswith("$"):
        return []
    found = [unquote(part.strip()) for part in said.split(",")[:MAX_FORMER]]
    return [one for one in found if one and "\x00" not in one]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
