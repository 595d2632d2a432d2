"""Brings notebooks of another time to the format of today, and what nbgrader says in them to its present schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.nbgraderformat import MetadataValidator

from assignments.nbgrader_engine.failures import explained
from assignments.nbgrader_engine.notebooks import notebooks_in, read_notebook, write_notebook


def modernise(source: Path, *, into: Path) -> dict[str, Any]:
    """Write the notebooks at the top of a folder anew into another. What they say stays as it is."""
    for name, path in notebooks_in(source).items():
        notebook = read_notebook(path)
        with explained(name, otherwise="notebook_invalid"):
            MetadataValidator().upgrade_notebook_metadata(notebook)
        write_notebook(notebook, into / path.name)
    return {}
