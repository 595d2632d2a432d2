"""What makes a data directory an embedded installation: its folders, its modes, its secrets.

Imported before the settings exist, so it knows nothing of Django.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from config.env import DATA_DIR, EMBEDDED_FILE, env

MAX_SOCKET_PATH = 100
"""Unix socket addresses hold 108 bytes on Linux and 104 on macOS."""


def prepare_data_directory() -> None:
    """Create the data directory, readable by its owner only, with a secret key of its own.

    Does nothing to one that is there already.
    """
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    if EMBEDDED_FILE.exists():
        return
    descriptor = os.open(EMBEDDED_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("# Written by `manage.py up`. Keep it: sign-ins and running servers depend on it.\n")
        file.write("EMBEDDED=true\n")
        file.write(f"SECRET_KEY={secrets.token_urlsafe(48)}\n")
    # The environment was read when `config.env` was imported, before there was this file.
    env.read_env(str(EMBEDDED_FILE), overwrite=False)


def redis_socket(data_directory: Path) -> Path:
    """Where the embedded Redis listens: in the data directory, or elsewhere when that path is too long."""
    socket = data_directory / "run" / "redis.sock"
    if len(str(socket)) <= MAX_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(str(data_directory).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"carrel-{os.getuid()}-{digest}" / "redis.sock"
