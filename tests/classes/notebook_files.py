"""Notebooks for tests, as JupyterLab saves them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from environments.backends import volume_store
from environments.models import NotebookServer

PLENTY = 100_000_000


def code(source: str = "1 + 1", *, count: int | None = None, outputs: Any = (), **metadata: Any) -> dict[str, Any]:
    """A cell with code, not run unless a count says so."""
    return {
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": metadata,
    }


def notebook(*cells: dict[str, Any]) -> bytes:
    """A notebook of these cells."""
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def error(name: str = "NameError") -> dict[str, Any]:
    """What a cell that failed has printed."""
    traceback = [f"\x1b[31m{name}\x1b[0m", "x is not defined"]
    return {"output_type": "error", "ename": name, "evalue": "x", "traceback": traceback}


def save(server: NotebookServer, path: str, content: bytes, *, saved_at: float = 0.0) -> None:
    """Put a file into the server's volume, as if it had been saved there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(path)
        info.size, info.mtime = len(content), saved_at
        archive.addfile(info, io.BytesIO(content))
    volume_store().create(server.volume.key)
    volume_store().write(server.volume.key, "", [buffer.getvalue()], max_bytes=PLENTY)
