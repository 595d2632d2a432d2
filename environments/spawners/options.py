"""What every Jupyter server is told, whatever runs it."""

SERVER_OPTIONS = (
    # Its port and address are Carrel's to choose, and its origin is its own, so it serves the root.
    "--ServerApp.port_retries=0",
    "--ServerApp.base_url=/",
    # The gateway carries requests for another host name, and keeps strangers and other origins out.
    "--ServerApp.allow_remote_access=True",
    "--ServerApp.trust_xheaders=True",
    "--ServerApp.open_browser=False",
    # Stopping is Carrel's, or its page would call a server failed that somebody has ended on purpose.
    "--ServerApp.quit_button=False",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
