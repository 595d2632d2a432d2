"""Whether anything was done in a copy since it was given out. Pure.

Opening a notebook writes it anew, and running it adds outputs; neither is work. What counts is what somebody has
written into cells, and files that were added, changed or taken away.
"""

from __future__ import annotations

from assignments.errors import AssignmentError
from assignments.files import SUFFIX, Bundle
from assignments.notebooks.cells import read


def is_untouched(copy: Bundle, *, given: Bundle) -> bool:
    """Whether this copy says what was given out and nothing else."""
    if [file.path for file in copy] != [file.path for file in given]:
        return False
    return all(_says_the_same(mine.path, mine.content, its.content) for mine, its in zip(copy, given, strict=True))


def _says_the_same(path: str, mine: bytes, given: bytes) -> bool:
    if mine == given:
        return True
    return path.endswith(SUFFIX) and _words(mine, path) == _words(given, path) is not None


def _words(raw: bytes, path: str) -> list[tuple[str, str]] | None:
    """The cells of a notebook as far as a person writes them; None for what is none."""
    try:
        notebook = read(raw, name=path)
    except AssignmentError:
        return None
    return [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]]
