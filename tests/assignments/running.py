"""Runs notebooks for tests of grading: the one place to change how."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

from assignments.engine import Snippet


def run_notebooks(sanitised: Path, *, data: Path, into: Path, seconds: int = 10) -> None:
    """Run each notebook of a folder beside the files of another, and keep what came out, in a new folder."""
    into.mkdir()
    place = into.with_name(f"{into.name}-place")
    shutil.copytree(data, place, ignore=shutil.ignore_patterns("*.ipynb"))
    for path in sorted(sanitised.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        client = _Client(
            notebook,
            timeout=seconds,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout=_NO_REPLY,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(place)}},
        )
        client.execute(env={**os.environ, "NBGRADER_EXECUTION": "autograde"})
        nbformat.write(notebook, into / path.name)


_NO_REPLY = {"ename": "CellTimeoutError", "evalue": "", "traceback": ["CellTimeoutError"]}


class _Client(NotebookClient):  # type: ignore[misc]
    """A client that, as nbgrader's, shows the errors a notebook wants to hide."""

    async def async_execute_cell(self, cell: Any, *arguments: Any, **options: Any) -> Any:
        self._replies: list[Mapping[str, Any]] = []
        self.on_cell_executed = lambda *, execute_reply, **_others: self._replies.append(execute_reply["content"])
        cell = await super().async_execute_cell(cell, *arguments, **options)
        for reply in self._replies:
            shown = {output.get("ename") for output in cell.get("outputs", [])}
            if reply["status"] == "error" and reply["ename"] not in shown:
                error = {key: reply[key] for key in ("ename", "evalue", "traceback")}
                cell.outputs.append(nbformat.v4.new_output("error", **error))
        return cell


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
