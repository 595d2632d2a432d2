"""Run it: `python -m tests.fakes.lms --port 9000 [--url http://lms.localhost:9000]`."""

from __future__ import annotations

import argparse

import uvicorn

from tests.fakes.lms.misbehaviour import MisbehavingApp, MisbehavingLms


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.lms")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--url", help="the address browsers and tools use, where that is another")
    given = parser.parse_args()
    lms = MisbehavingLms(given.url or f"http://{given.host}:{given.port}")
    uvicorn.run(MisbehavingApp(lms), host=given.host, port=given.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
