"""How files for browsers are stored: each under a name that changes with its content, so that none grows stale."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

IMPORT = (r"""(?P<matched>from "(?P<url>\./[^"]+)";)""", """from "%(url)s";""")


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise is untyped
    """As WhiteNoise's, with the modules that our own modules import named by their content too.

    Otherwise a browser would join a new module to old ones that it remembers. Django's own switch for
    this, `support_js_module_import_aggregation`, reads the files of every package, and some of those
    import what is not there.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (IMPORT,)))
