"""`python -m assignments.nbgrader_engine COMMAND < arguments.json`, or `serve` with a socket as standard input."""

from __future__ import annotations

import json
import os
import socket
import sys

from assignments.nbgrader_engine.commands import COMMANDS, answer
from assignments.nbgrader_engine.serving import serve


def main(arguments: list[str]) -> int:
    """Do what is asked for. A command works in the current folder and prints its answer."""
    if arguments == ["serve"]:
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as channel:  # The forks close standard input.
            serve(channel)
        return 0
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.stderr.write(f"Give one of: serve {' '.join(COMMANDS)}\n")
        return 2
    reply = answer(arguments[0], json.load(sys.stdin))
    json.dump(reply, sys.stdout)
    return 0 if "result" in reply else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
