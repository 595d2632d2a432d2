"""Runs notebooks for tests of grading: the one place to change how."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager, start_new_kernel

from assignments.files import Bundle, File
from assignments.running.engine import Snippet
from assignments.running.executing import Budget, execute, grading_kernel
from environments.sandboxes.base import SandboxLimits
from environments.sandboxes.process import ProcessSandbox
from tests.contracts.images import built_image


def run_notebooks(sanitised: Path, *, data: Path, into: Path, seconds: int = 10) -> None:
    """Run each notebook of a folder beside the files of another, as grading does, and keep what came out."""
    into.mkdir()
    beside = [(path.name, path.read_bytes()) for path in sorted(data.iterdir()) if path.suffix != ".ipynb"]
    files = Bundle(tuple(File(name, content) for name, content in beside)).tar
    budget = Budget(cell_seconds=seconds, total_seconds=120)
    for path in sorted(sanitised.glob("*.ipynb")):
        given = json.loads(path.read_bytes())
        with grading_kernel(
            ProcessSandbox(), built_image(), given, budget=budget, limits=SandboxLimits(), files=[files]
        ) as kernel:
            executed = execute(given, kernel=kernel, budget=budget)
        (into / path.name).write_text(json.dumps(executed.notebook))


@contextmanager
def snippets() -> Iterator[Interpreter]:
    """What `generate` asks of a kernel, asked of one of this machine."""
    interpreter = Interpreter()
    try:
        yield interpreter
    finally:
        interpreter.end()


class Interpreter:
    """One kernel for each notebook."""

    def __init__(self) -> None:
        self.asked: list[Snippet] = []
        self._kernels: dict[str, tuple[KernelManager, Any]] = {}

    def __call__(self, snippet: Snippet) -> Sequence[Mapping[str, Any]]:
        self.asked.append(snippet)
        if snippet.notebook not in self._kernels:
            self._kernels[snippet.notebook] = start_new_kernel(kernel_name=snippet.kernel)
        outputs: list[Mapping[str, Any]] = []

        def keep(message: Mapping[str, Any]) -> None:
            kind = message["header"]["msg_type"]
            if kind in ("execute_result", "error", "display_data", "stream"):
                outputs.append({"output_type": kind, **message["content"]})

        self._kernels[snippet.notebook][1].execute_interactive(snippet.code, output_hook=keep)
        return outputs

    def end(self) -> None:
        for manager, client in self._kernels.values():
            client.stop_channels()
            manager.shutdown_kernel(now=True)
