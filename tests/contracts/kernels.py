"""A small driver: runs one cell in a sandbox and gathers what comes of it, as grading will."""

from __future__ import annotations

import time
from dataclasses import dataclass

from environments.sandboxes.base import KernelConnection


@dataclass
class CellResult:
    """What one cell did, as far as the kernel got."""

    stdout: str = ""
    result: str = ""
    error: str = ""
    """The name of the exception."""
    is_finished: bool = False


def execute(kernel: KernelConnection, code: str, *, timeout: float = 60) -> CellResult:
    """Run the code until it is done, the kernel is gone, or `timeout` seconds have passed."""
    options = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    request = kernel.send("execute_request", {"code": code, "stop_on_error": False, **options})
    cell, deadline, missing = CellResult(), time.monotonic() + timeout, {"reply", "idle"}
    while missing and time.monotonic() < deadline:
        message = kernel.receive(timeout=0.5)
        if message is None and not kernel.is_alive:
            break
        if message is None or message.parent_id != request:
            continue
        content = message.content
        match message.type:
            case "stream" if content["name"] == "stdout":
                cell.stdout += content["text"]
            case "execute_result":
                cell.result = content["data"]["text/plain"]
            case "error":
                cell.error = content["ename"]
            case "execute_reply":
                missing.discard("reply")
            case "status" if content["execution_state"] == "idle":
                missing.discard("idle")
    cell.is_finished = not missing
    return cell
