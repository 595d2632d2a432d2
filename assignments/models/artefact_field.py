"""Columns that name an artefact."""

from __future__ import annotations

from typing import Any

from django.db import models


class ArtefactField(models.CharField):  # type: ignore[type-arg]
    """The SHA-256 of something that is kept. What no column of this kind names is swept away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max_length": 64, **options})

    def deconstruct(self) -> Any:
        """To the database it is text like any other."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.CharField", arguments, options
