"""Has Jupyter start the dashboard when somebody opens the address `dashboard/`, and pass everything below it on."""

import sys
from pathlib import Path

c = get_config()  # noqa: F821 - Jupyter gives it to this file
c.ServerProxy.servers = {
    "dashboard": {
        "command": [sys.executable, str(Path(__file__).parents[1] / "dashboard.py"), "{port}"],
        "launcher_entry": {"title": "Dashboard"},
    }
}
