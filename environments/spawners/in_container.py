"""Starts JupyterLab in a container, by the image's own `python3 -c`: nothing of Carrel is in there.

Called with the settings JupyterLab should start from, as JSON, with the source of carrel_visitors.py, with that of
carrel_spare.py if the server is to keep a spare kernel, and then with the server's options. Images bring whatever
Python they like, so this keeps to what 3.7 has.
"""

from __future__ import annotations

import sys

if sys.path[:1] == [""]:  # The home: a file of the person's called tempfile.py would be imported below.
    sys.path.pop(0)

import atexit
import contextlib
import importlib.util
import os
import shutil
import tempfile
import types

SCRATCH = "/run/carrel"
NO_JUPYTER = 127
"""What a shell says, too, of a command that is not there."""


def main(defaults: str, visitors: str, spare: str, options: list[str]) -> None:
    """Become the server."""
    os.environ.setdefault("SHELL", shutil.which("bash") or "/bin/sh")
    keep_credential()
    let_kernels_end_soon()
    offer_defaults(defaults)
    if not has_room(os.environ["HOME"]):
        keep_settings_in_memory()
    if importlib.util.find_spec("jupyterlab"):
        run_lab(visitors, spare, options)
    elif shutil.which("jupyter-lab"):
        os.execvp("jupyter-lab", ["jupyter-lab", *options])  # noqa: S606 - there need be no shell
    elif shutil.which("jupyter-notebook"):
        classic = [option.replace("--ServerApp.", "--NotebookApp.") for option in options]
        os.execvp("jupyter-notebook", ["jupyter-notebook", *options, *classic])  # noqa: S606
    else:
        sys.stderr.write("This environment contains neither JupyterLab nor the Jupyter Notebook.\n")
        sys.exit(NO_JUPYTER)


def keep_credential() -> None:
    """Put the key to Carrel itself into a file too, in memory and the server's alone; nothing if there is none."""
    if os.environ.get("CARREL_TOKEN"):
        path = os.path.join(SCRATCH, "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(os.environ["CARREL_TOKEN"])
        os.environ["CARREL_TOKEN_FILE"] = path


def let_kernels_end_soon() -> None:
    """Have Python kernels leave what they begin with out of garbage collection, unless the image has its own way.

    They collect once more before they end, and looking through all that IPython consists of takes longer than the
    rest of that (0.14 s of processor time against 0.03 s): in the minute in which a class goes, that is what counts.
    """
    if "PYTHONSTARTUP" not in os.environ:
        os.environ["PYTHONSTARTUP"] = path = os.path.join(SCRATCH, "startup.py")
        with open(path, "w") as file:
            file.write("__import__('gc').freeze()\n")


def offer_defaults(defaults: str) -> None:
    """Put JupyterLab's starting settings where it looks for them; the person's own override them."""
    folder = os.path.join(SCRATCH, "jupyter", "labconfig")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "default_setting_overrides.json"), "w") as file:
        file.write(defaults)
    paths = [os.path.dirname(folder), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))


def has_room(folder: str) -> bool:
    """Whether a few small files can be written there."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".carrel-") as probe:
            probe.write(bytes(1 << 16))
            probe.flush()
    except OSError:
        return False
    return True


def keep_settings_in_memory() -> None:
    """Start all the same when the home is full or cannot be written to, so that somebody can tidy it up."""
    sys.stderr.write("Nothing can be written to the home folder: settings are not kept this time.\n")
    kept = os.path.join(os.environ["HOME"], ".local", "share", "jupyter")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [os.environ.get("JUPYTER_PATH", ""), kept]))
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        os.environ[name] = os.path.join(SCRATCH, name.lower())


def run_lab(visitors: str, spare: str, options: list[str]) -> None:
    """Run JupyterLab in this process, without three detours that take longer than the rest.

    `rfc3987_syntax` compiles a grammar of its own on import (1.1 s), only so that jsonschema can check
    addresses in alphabets other than Latin. JupyterLab runs `yarn config` on import if it finds Node on the
    path (0.3 s). And `jupyter_lsp` looks for language servers by starting npm, at every start.
    """
    atexit.register(end_at_once)  # Before what others register, so that it comes after it.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    path, os.environ["PATH"] = os.environ["PATH"], os.path.join(sys.prefix, "bin")
    from jupyterlab.labapp import main as run

    os.environ["PATH"] = path
    del sys.modules["rfc3987_syntax"]
    extensions = {
        "jupyter_lsp": bool(shutil.which("pylsp")),
        "notebook_shim": bool(importlib.util.find_spec("notebook")),
        **(keep_spare(spare) if spare else {}),
    }
    make_data_folder()
    options = [*options, *tell_visitors_apart(visitors)]
    sys.argv = ["jupyter-lab", f"--ServerApp.jpserver_extensions={extensions}", *options]
    try:
        run()
    except BaseException:
        atexit.unregister(end_at_once)
        raise


def make_data_folder() -> None:
    """Make the folder where extensions keep their databases, which they expect to be there.

    Jupyter itself makes it only as a parent of its runtime files, and those are elsewhere.
    """
    from jupyter_core.paths import jupyter_data_dir

    with contextlib.suppress(OSError):  # The home may be full.
        os.makedirs(jupyter_data_dir(), exist_ok=True)


def tell_visitors_apart(source: str) -> list[str]:
    """The option by which Jupyter learns who visits it; none where it is too old to ask."""
    module = types.ModuleType("carrel_visitors")
    try:
        exec(compile(source, "carrel_visitors.py", "exec"), module.__dict__)  # noqa: S102 - ours
    except (ImportError, SyntaxError):
        sys.stderr.write("This Jupyter does not tell visitors apart.\n")
        return []
    sys.modules[module.__name__] = module
    return ["--ServerApp.identity_provider_class=carrel_visitors.CarrelIdentityProvider"]


def keep_spare(source: str) -> dict[str, bool]:
    """The extension that keeps a spare kernel; none where this Python is too old for it.

    In a file, as both the server and the spare itself run it.
    """
    path = os.path.join(SCRATCH, "carrel_spare.py")
    with open(path, "w") as file:
        file.write(source)
    spec = importlib.util.spec_from_file_location("carrel_spare", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except (ImportError, SyntaxError):
        return {}
    sys.modules[module.__name__] = module
    return {module.__name__: True}


def end_at_once() -> None:
    """Leave the interpreter as it is, where everything has been shut down: taking it apart takes longer than that."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
