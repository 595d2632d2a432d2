"""JupyterHub with DockerSpawner on this machine, as its own documentation sets it up for one host.

Installed once into a folder that is kept: the hub and DockerSpawner from PyPI, configurable-http-proxy from npm.
`JupyterHub` runs it for as long as it is needed and leaves no process, container, network, volume or image behind.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import docker
import httpx

from benchmarks.gateway import CHP_VERSION, find_chp, free_port
from benchmarks.people import PATIENCE_SECONDS, api_client, run_a_cell

HUB_VERSION = "6.1.1"
SPAWNER_VERSION = "14.0.0"
VERSIONS = f"JupyterHub {HUB_VERSION}, DockerSpawner {SPAWNER_VERSION}, configurable-http-proxy {CHP_VERSION}"

_PAUSE_SECONDS = 0.5
_CONFIGURATION = """
c = get_config()
given = {given}

c.JupyterHub.bind_url = f"http://127.0.0.1:{{given['port']}}"
c.JupyterHub.hub_bind_url = f"http://{{given['gateway']}}:{{given['hub_port']}}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{{given['proxy_port']}}"
c.ConfigurableHTTPProxy.command = given["proxy"]

c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "benchmark", "api_token": given["token"]}}]
c.JupyterHub.load_roles = [
    {{"name": "benchmark", "scopes": ["admin:users", "admin:servers", "tokens"], "services": ["benchmark"]}}
]

c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = given["image"]
c.DockerSpawner.cmd = ["jupyterhub-singleuser"]  # The image says nothing of its own.
c.DockerSpawner.network_name = given["name"]  # Reached by address: no port is published, no docker-proxy started.
c.DockerSpawner.name_template = given["name"] + "-{{username}}"
c.DockerSpawner.volumes = {{given["name"] + "-{{username}}": given["home"]}}
c.DockerSpawner.remove = True
c.DockerSpawner.mem_limit = "2G"  # What Carrel gives a server unless told otherwise.
c.DockerSpawner.cpu_limit = 2

# Limits of its own that twenty at once on a small machine could run into. concurrent_spawn_limit (100) lets them in.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
"""


class JupyterHub:
    """One hub of our own. What it is given as `image` needs to have JupyterLab in it; the hub's part is added."""

    def __init__(self, folder: Path, image: str) -> None:
        self._name = f"carrel-benchmark-{secrets.token_hex(4)}"
        self._folder = folder
        self._directory = folder / self._name
        self._token = secrets.token_hex(32)
        self._port = free_port()
        self._image = image
        self._engine = docker.from_env()
        self._process: subprocess.Popen[bytes] | None = None
        self._api = api_client(f"http://127.0.0.1:{self._port}/hub/api", f"token {self._token}")

    def start(self) -> None:
        """Install what is not installed, make its image and network, and wait until the hub answers."""
        proxy = install(self._folder)
        home = self._make_image()
        network = self._engine.networks.create(self._name, driver="bridge")
        network.reload()
        given = {
            "name": self._name,
            "token": self._token,
            "image": self._name,
            "home": home,
            "proxy": proxy,
            "port": self._port,
            "proxy_port": free_port(),
            "hub_port": free_port(),
            "gateway": network.attrs["IPAM"]["Config"][0]["Gateway"],
        }
        self._directory.mkdir()
        (self._directory / "jupyterhub_config.py").write_text(_CONFIGURATION.format(given=given))
        with (self._directory / "hub.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(_python(self._folder)), "-m", "jupyterhub"],
                cwd=self._directory,
                env=os.environ | {"PATH": f"{_python(self._folder).parent}:{os.environ['PATH']}"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._await_answer()

    def people(self, names: Sequence[str]) -> list[HubUser]:
        """New people of these names, each with a token."""
        self._api.post("/users", json={"usernames": [*names]}).raise_for_status()
        return [HubUser(f"http://127.0.0.1:{self._port}", name, self._token_of(name)) for name in names]

    def close(self) -> None:
        """End the hub and its proxy, and remove everything it made."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._api.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        for container in self._engine.containers.list(all=True, filters={"name": self._name}):
            container.remove(force=True, v=True)
        for network in self._engine.networks.list(names=[self._name]):
            network.remove()
        for volume in self._engine.volumes.list(filters={"name": self._name}):
            volume.remove()
        with suppress(docker.errors.ImageNotFound):
            self._engine.images.remove(self._name, force=True)

    def _make_image(self) -> str:
        """The same image with the hub's single-user server in it, as every image for a hub has; its home folder."""
        config = self._engine.images.get(self._image).attrs["Config"]
        lines = [
            f"FROM {self._image}",
            "USER root",
            f"RUN pip install --no-cache-dir --quiet jupyterhub=={HUB_VERSION}",
            f"USER {config['User']}",
        ]
        self._engine.images.build(fileobj=io.BytesIO("\n".join(lines).encode()), tag=self._name, rm=True)
        return str(config["WorkingDir"])

    def _token_of(self, name: str) -> str:
        made = self._api.post(f"/users/{name}/tokens", json={"note": "benchmark"}).raise_for_status().json()
        return str(made["token"])

    def _await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with suppress(httpx.HTTPError):
                if self._api.get("/users").is_success:
                    return
            time.sleep(0.1)
        raise SystemExit(f"the hub does not answer: {(self._directory / 'hub.log').read_text()[-2000:]}")


class HubUser:
    """Somebody with a token of the hub's. Asks for their server as the hub's own page does: once, and is told."""

    def __init__(self, base_url: str, name: str, token: str) -> None:
        self._token = token
        self._origin = f"{base_url}/user/{name}"
        self._user = f"/users/{name}"
        self._api = api_client(f"{base_url}/hub/api", f"token {token}")

    def launch(self) -> None:
        """Start the server and run a cell. The hub answers 201 once it is up, or 202 after ten seconds."""
        answer = self._api.post(f"{self._user}/server", json={}).raise_for_status()
        if answer.status_code == httpx.codes.ACCEPTED:
            self._follow_progress()
        run_a_cell(self._origin, self._token)

    def stop(self) -> None:
        """Stop the server. The hub answers 204 once it is gone, or 202 after ten seconds, and has to be asked then."""
        answer = self._api.delete(f"{self._user}/server").raise_for_status()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while answer.status_code == httpx.codes.ACCEPTED and self._has_server():
            if time.monotonic() > deadline:
                raise TimeoutError("the hub is still stopping the server")
            time.sleep(_PAUSE_SECONDS)

    def _has_server(self) -> bool:
        return bool(self._api.get(self._user).raise_for_status().json()["servers"])

    def _follow_progress(self) -> None:
        with self._api.stream("GET", f"{self._user}/server/progress") as events:
            for line in events.raise_for_status().iter_lines():
                event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if event.get("failed"):
                    raise RuntimeError(event["message"])
                if event.get("ready"):
                    return
        raise RuntimeError("the hub says no more of the server")


def install(folder: Path) -> Sequence[str]:
    """Have the hub in `folder`, installed if need be; the command that runs its proxy."""
    folder.mkdir(parents=True, exist_ok=True)
    proxy = find_chp(folder)
    if proxy is None:
        raise SystemExit("JupyterHub's proxy needs node and npm, and they are not here")
    if not (folder / "installed.json").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
        wanted = [f"jupyterhub=={HUB_VERSION}", f"dockerspawner=={SPAWNER_VERSION}"]
        subprocess.run([str(_python(folder)), "-m", "pip", "install", "--quiet", *wanted], check=True, timeout=600)
        (folder / "installed.json").write_text(json.dumps(wanted))
    return proxy


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"
