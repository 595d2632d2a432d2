"""Says what nbgrader's Validate button would, of a notebook that has been run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.preprocessors import CheckCellMetadata
from nbgrader.validator import Validator

from assignments.nbgrader_engine.failures import explained
from assignments.nbgrader_engine.notebooks import read_notebook, write_notebook


def validate(notebook: Path) -> dict[str, Any]:
    """The cells that fail, were changed, or are of another type than they should be."""
    checked = read_notebook(notebook)
    path = Path("validated.ipynb").absolute()
    write_notebook(checked, path)
    validator = Validator()
    validator.preprocessors = [CheckCellMetadata]  # Without its own running of the notebook.
    with explained(notebook.stem, otherwise="notebook_invalid"):
        found = validator.validate(str(path))
    return {
        "failed": [{"source": cell["source"], "error": cell["raw_error"]} for cell in found.get("failed", [])],
        "changed": [cell["source"] for cell in found.get("changed", [])],
        "retyped": [cell["source"] for cell in found.get("type_changed", [])],
    }
