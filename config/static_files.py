"""How files for browsers are stored: each under a name that changes with its content, so that none grows stale."""

from __future__ import annotations

from typing import Any

from whitenoise.compress import Compressor  # type: ignore[import-untyped]
from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

IMPORT = (r"""(?P<matched>from "(?P<url>\./[^"]+)";)""", """from "%(url)s";""")


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise is untyped
    """As WhiteNoise's, with the modules that our own modules import named by their content too.

    Otherwise a browser would join a new module to old ones that it remembers. Django's own switch for
    this, `support_js_module_import_aggregation`, reads the files of every package, and some of those
    import what is not there.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (IMPORT,)))

    def create_compressor(self, **options: Any) -> Compressor:
        """Leaves the maps of scripts as they are: two thirds of the work, for what only a developer's tools ask for."""
        return Compressor(**options | {"extensions": (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")})
