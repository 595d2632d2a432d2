"""The package `carrel-exchange` as this Carrel gives it to the environments of its classes.

From here, under an address that stays, and from no index: there anybody may take its name, and what answers to it would
be handed every student's key.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from config.env import BASE_DIR

SOURCE = BASE_DIR / "carrel-exchange"
FILES = ("pyproject.toml", "README.md", "etc/*.py", "src/*/*.py", "src/*/py.typed")
"""And nothing that was left there by whoever installed it from that folder."""
HOUR_SECONDS = 3600
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16


@require_safe
@cache_control(public=True, max_age=HOUR_SECONDS)
def exchange_package(request: HttpRequest) -> HttpResponse:
    """Its source as pip and uv install it. For anybody: nothing in it is of anybody's."""
    return HttpResponse(packed(), content_type="application/zip")


@cache
def packed() -> bytes:
    """The archive; the same bytes for the same files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(path for pattern in FILES for path in SOURCE.glob(pattern)):
            entry = zipfile.ZipInfo(path.relative_to(SOURCE.parent).as_posix(), _LONG_AGO)
            entry.external_attr = _FILE_MODE
            zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()
