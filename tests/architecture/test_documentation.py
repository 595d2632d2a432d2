"""What the documentation says is complete: every setting is described, every link leads somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import BASE_DIR

OPERATORS = BASE_DIR / "docs" / "operators.md"
SETTINGS_SOURCES = [BASE_DIR / "config" / name for name in ("settings.py", "sign_in.py", "env.py", "up.py")]
PAGES = sorted([*BASE_DIR.glob("*.md"), *(BASE_DIR / "docs").rglob("*.md")])
ENV_EXAMPLE = BASE_DIR / ".env.example"


def variables_read() -> set[str]:
    """The names of all environment variables that the settings are read from."""
    return {name for source in SETTINGS_SOURCES for name in _variables_of(ast.parse(source.read_text()))}


def _variables_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        first = node.args[0]
        if (
            ast.unparse(node.func.value) in ("env", "os.environ")
            and isinstance(first, ast.Constant)
            and isinstance(first.value, str)
        ):
            yield first.value


def documented() -> set[str]:
    """The variables with a row of their own in the settings reference."""
    return set(re.findall(r"^\| `([A-Z0-9_]+)` \|", OPERATORS.read_text(), re.MULTILINE))


def test_describes_every_variable_that_is_read() -> None:
    inherited = {"PYTHONPATH", "PATH", "DJANGO_SETTINGS_MODULE"}

    assert variables_read() - inherited - documented() == set()


def test_describes_no_variable_that_is_not_read() -> None:
    assert documented() - variables_read() - {"CHROMIUM"} == set()


def test_offers_only_variables_that_are_read() -> None:
    offered = set(re.findall(r"^#? ?([A-Z0-9_]+)=", ENV_EXAMPLE.read_text(), re.MULTILINE))

    assert offered
    assert offered - variables_read() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_links_to_files_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
