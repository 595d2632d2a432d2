"""The folder in which artefacts are kept: shared by all workers, each file there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage


class SharedFolder(FileSystemStorage):
    """Files that are named by what is in them. Saving one again makes it new, and disturbs nobody who reads it."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: what is there by it is the same."""
        return name

    def remove_if_old(self, name: str, *, before: datetime) -> bool:
        """Remove a file that was last saved before then; whether it was. What is saved at this moment stays.

        It is put aside first and looked at there, so that nobody can save it between the look and the end.
        """
        path = Path(self.path(name))
        aside = path.with_name(f".{path.name}.aside")
        with suppress(FileNotFoundError):
            path.replace(aside)
            if aside.stat().st_mtime >= before.timestamp():
                aside.replace(path)
                return False
            aside.unlink()
            return True
        return False  # Another sweep was quicker.

    def _save(self, name: str, content: File[bytes]) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".saving-", delete=False) as written:
            try:
                for chunk in content.chunks():
                    written.write(chunk)
                written.flush()
                os.fsync(written.fileno())
                Path(written.name).replace(path)
            except BaseException:
                Path(written.name).unlink(missing_ok=True)
                raise
        return name
