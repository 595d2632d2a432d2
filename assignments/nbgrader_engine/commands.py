"""The commands by name. Each takes JSON, works in the current folder, and writes files to its `out`."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assignments.nbgrader_engine.courses import Run
from assignments.nbgrader_engine.failures import EngineError
from assignments.nbgrader_engine.feedback import feedback
from assignments.nbgrader_engine.generating import generate
from assignments.nbgrader_engine.gradebooks import read_gradebook, write_gradebook
from assignments.nbgrader_engine.grading import sanitise, score
from assignments.nbgrader_engine.linting import lint
from assignments.nbgrader_engine.modernising import modernise
from assignments.nbgrader_engine.validating import validate

OUT = "out"

Arguments = Mapping[str, Any]


def answer(command: str, arguments: Arguments, *, execute: Run | None = None) -> dict[str, Any]:
    """What a command says: `{"result": …}`, or `{"error": {code, facts, detail}}`."""
    out = Path(OUT).absolute()
    out.mkdir()
    try:
        result = COMMANDS[command](arguments, out, execute)
        json.dumps(result, allow_nan=False)
    except EngineError as error:
        return _error(error.code, error.facts, error.detail)
    except MemoryError:
        return _error("engine_out_of_memory", {}, "")
    except Exception:  # noqa: BLE001 - the outermost loop: whoever called gets a code for everything
        return _error("engine_failed", {}, traceback.format_exc()[-4000:])
    return {"result": result}


def _error(code: str, facts: dict[str, str], detail: str) -> dict[str, Any]:
    return {"error": {"code": code, "facts": {**facts}, "detail": detail}}


def _generate(given: Arguments, out: Path, execute: Run | None) -> dict[str, Any]:
    return generate(
        Path(given["source"]), name=given["name"], into=out, execute=execute if given.get("executes") else None
    )


def _sanitise(given: Arguments, out: Path, _execute: Run | None) -> dict[str, Any]:
    return sanitise(Path(given["submitted"]), gradebook=Path(given["gradebook"]), name=given["name"], into=out)


def _score(given: Arguments, out: Path, _execute: Run | None) -> dict[str, Any]:
    return score(Path(given["executed"]), gradebook=Path(given["gradebook"]), name=given["name"], into=out)


def _feedback(given: Arguments, out: Path, _execute: Run | None) -> dict[str, Any]:
    folder, gradebook = Path(given["autograded"]), Path(given["gradebook"])
    return feedback(folder, gradebook=gradebook, name=given["name"], marks=given["marks"], into=out)


def _lint(given: Arguments, _out: Path, _execute: Run | None) -> dict[str, Any]:
    return lint(Path(given["source"]), name=given["name"])


def _modernise(given: Arguments, out: Path, _execute: Run | None) -> dict[str, Any]:
    return modernise(Path(given["source"]), into=out)


def _validate(given: Arguments, _out: Path, _execute: Run | None) -> dict[str, Any]:
    return validate(Path(given["notebook"]))


def _read_gradebook(given: Arguments, _out: Path, _execute: Run | None) -> dict[str, Any]:
    return read_gradebook(Path(given["gradebook"]))


def _write_gradebook(given: Arguments, out: Path, _execute: Run | None) -> dict[str, Any]:
    return write_gradebook(given["course"], into=out)


COMMANDS: dict[str, Callable[[Arguments, Path, Run | None], dict[str, Any]]] = {
    "generate": _generate,
    "sanitise": _sanitise,
    "score": _score,
    "feedback": _feedback,
    "lint": _lint,
    "modernise": _modernise,
    "validate": _validate,
    "read_gradebook": _read_gradebook,
    "write_gradebook": _write_gradebook,
}
