"""nbgrader's commands, each run in a fork of a process that has imported what they need, which takes two seconds.

with NbgraderCommands(path=[SOURCE]) as commands:
    status, said = commands.run(["list"], cwd=home, environment={"HOME": str(home)})
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

_ROOT = Path(__file__).parents[2]


class NbgraderCommands:
    """Runs `nbgrader`, one command after the other; use it as a context manager."""

    def __init__(self, *, path: Iterable[Path] = ()) -> None:
        self._said = TemporaryFile()  # noqa: SIM115 - closed at the end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.assignments.nbgrader_commands"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def __enter__(self) -> NbgraderCommands:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._said.close()

    def run(self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> tuple[int, str]:
        """The exit status of the command in that folder with that environment alone, and all it has said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._said.seek(0)
        self._said.truncate()
        request = {"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        self._said.seek(0)
        return status, self._said.read().decode()


def _serve() -> None:
    from nbgrader.apps.nbgraderapp import main

    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if not process:
            status = 1
            try:
                os.dup2(2, 1)
                os.chdir(request["cwd"])
                os.environ.clear()
                os.environ.update(request["environment"])
                sys.argv = ["nbgrader", *request["arguments"]]
                main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:  # noqa: BLE001 - as the interpreter would
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
