"""Reads the environment: every setting is a variable of the same name, secrets also as NAME_FILE.

Values come, first match wins, from the process environment and from `carrel.env` in the data
directory, which `manage.py up` writes when it prepares an embedded installation.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("CARREL_DATA") or BASE_DIR / "var").resolve()
EMBEDDED_FILE = DATA_DIR / "carrel.env"

env = environ.FileAwareEnv()
if EMBEDDED_FILE.is_file():
    env.read_env(str(EMBEDDED_FILE), overwrite=False)


@cache
def version() -> str:
    """Carrel's own version."""
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())
    return str(project["project"]["version"])
