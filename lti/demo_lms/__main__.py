"""Run it alone: `python -m lti.demo_lms --port 9000 [--state lms.json]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from lti.demo_lms.app import DemoLms
from lti.demo_lms.lms import Lms


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lti.demo_lms")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--url", help="the address browsers and tools use, where that is another")
    parser.add_argument("--state", type=Path, help="a file to keep everything in; else it is forgotten at the end")
    given = parser.parse_args()
    lms = Lms(given.url or f"http://localhost:{given.port}", state_file=given.state)
    uvicorn.run(DemoLms(lms), host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
