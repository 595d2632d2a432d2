"""Starts JupyterLab for good: run by an image's own Python, so it imports nothing but the standard library first.

Prints the process id of the server, which is nobody's child, and ends. The server's output goes where the
standard error of this script goes.
"""

import contextlib
import os
import sys


def detach() -> None:
    """Go on in a new process that outlives whoever started this one and leaves nobody a zombie to bury."""
    if child := os.fork():
        os.write(1, b"%d\n" % child)
        os._exit(0)
    os.dup2(2, 1)


def import_lightly() -> None:
    """Import JupyterLab without two detours that together take twice as long as the rest.

    `rfc3987_syntax` compiles a grammar of its own on import (1.1 s), only so that jsonschema can check
    addresses in alphabets other than Latin; jsonschema goes without when it cannot be imported. And
    JupyterLab runs `yarn config` on import (0.3 s) if it finds Node on the path.
    """
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    path = os.environ["PATH"]
    os.environ["PATH"] = os.path.join(sys.prefix, "bin")
    import jupyterlab.labapp  # noqa: F401

    os.environ["PATH"] = path
    del sys.modules["rfc3987_syntax"]


def make_data_folder() -> None:
    """Make the folder where extensions keep their databases, which they expect to be there.

    Jupyter itself makes it only as a parent of its runtime files, and those are elsewhere.
    """
    from jupyter_core.paths import jupyter_data_dir

    with contextlib.suppress(OSError):  # The home may be full.
        os.makedirs(jupyter_data_dir(), exist_ok=True)


def tell_visitors_apart() -> list[str]:
    """The option by which Jupyter learns who visits it, from the file beside this one; none if it is too old to ask."""
    try:
        import carrel_visitors  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        return []
    return ["--ServerApp.identity_provider_class=carrel_visitors.CarrelIdentityProvider"]


if __name__ == "__main__":
    detach()
    import_lightly()
    from jupyterlab.labapp import main

    make_data_folder()
    sys.argv += tell_visitors_apart()
    main()
