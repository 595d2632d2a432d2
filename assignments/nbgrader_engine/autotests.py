"""AUTOTEST lines: nbgrader asks the instructor's solution what the right answers are.

That means running a notebook, which nothing in here does: each piece of code goes to `run`, that is to
whoever made the call, and comes back as outputs.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import yaml
from nbgrader.preprocessors import InstantiateTests, instantiatetests

from assignments.nbgrader_engine.courses import Run
from assignments.nbgrader_engine.failures import EngineError


def instantiating(run: Run | None) -> type[InstantiateTests]:
    """nbgrader's preprocessor with `run` in place of a kernel of its own."""

    class Instantiate(InstantiateTests):  # type: ignore[misc]
        def preprocess(self, nb: Any, resources: Any) -> Any:
            notebook = resources["nbgrader"]["notebook"]
            kernel = _Kernel(run, notebook)
            try:
                with patch.object(instantiatetests, "start_new_kernel", kernel.start):
                    return super().preprocess(nb, resources)
            except FileNotFoundError as error:
                raise EngineError("autotests_missing", notebook=notebook) from error
            except (yaml.YAMLError, KeyError, TypeError) as error:
                raise EngineError("autotests_broken", notebook=notebook, detail=repr(error)) from error
            except instantiatetests.CellExecutionError as error:
                raise EngineError(
                    "autotests_failed", notebook=notebook, why=f"{error.ename}: {error.evalue}"[:300]
                ) from error

    return Instantiate


class _Kernel:
    """What nbgrader takes for a kernel's manager and client."""

    def __init__(self, run: Run | None, notebook: str) -> None:
        self._run = run
        self._notebook = notebook
        self._name = ""

    def start(self, *, kernel_name: str, cwd: str) -> tuple[_Kernel, _Kernel]:
        if self._run is None:
            raise EngineError("autotests_need_kernel", notebook=self._notebook)
        self._name = kernel_name
        return self, self

    def execute_interactive(self, code: str, output_hook: Any) -> None:
        if self._run is None or not code.strip():
            return
        for output in self._run({"notebook": self._notebook, "kernel": self._name, "code": code}):
            output_hook({"header": {"msg_type": output["output_type"]}, "content": output})

    def shutdown_kernel(self) -> None:
        """It is not ours to end."""
