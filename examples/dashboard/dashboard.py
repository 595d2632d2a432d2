"""Throws dice for whoever has the page open, and says how often each sum has come. Tornado comes with Jupyter."""

import json
import random
import sys
from asyncio import Event, run
from collections import Counter
from pathlib import Path

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

PAGE = Path(__file__).with_name("dashboard.html")
MOST = 5000


class Page(RequestHandler):
    """The page itself."""

    def get(self):
        self.write(PAGE.read_text())


class Throws(WebSocketHandler):
    """One open page: each message asks for some throws, each answer says what has come of all so far."""

    def open(self):
        self.sums = Counter()

    def on_message(self, message):
        asked = json.loads(message)
        dice, throws = min(int(asked["dice"]), 10), min(int(asked["throws"]), MOST)
        self.sums.update(sum(random.choices(range(1, 7), k=dice)) for _ in range(throws))
        self.write_message({"throws": self.sums.total(), "sums": self.sums})


async def main(port):
    """Serve on this port, for this machine alone, until stopped."""
    Application([("/", Page), ("/throws", Throws)]).listen(port, "127.0.0.1")
    await Event().wait()


run(main(int(sys.argv[1])))
