"""Notebook servers as containers: what they get, what is refused, and that nothing is left of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from pytest_django import Settings

from environments import probing
from environments.engine import client, installation_labels
from environments.errors import SystemFailure, UserError
from environments.spawners import docker, networks
from environments.spawners.docker import DockerSpawner
from environments.spawners.hardening import HARDENING
from environments.values import Handle, Limits, Liveness, Mount, ServerSpec
from environments.volumes.docker import DockerVolumeStore, volume_labels, volume_name
from tests.engine import ServerClient, base_image, clean_engine, image_from, leftovers, wait_until

pytestmark = pytest.mark.docker

TOKEN = "s3cret" * 10
SHARED = f"shared-{secrets.token_hex(16)}"
HOME = f"home-{secrets.token_hex(16)}"


@pytest.fixture
def spawner(settings: Settings, tmp_path: Path) -> Iterator[DockerSpawner]:
    settings.CARREL_DATA = tmp_path / "data"
    with clean_engine():
        yield DockerSpawner()


@pytest.fixture
def spec() -> ServerSpec:
    return ServerSpec(
        handle=Handle(f"server-{secrets.token_hex(4)}", "start1"),
        image=base_image(),
        home=f"server-{secrets.token_hex(16)}",
        mounts=(Mount(HOME, PurePosixPath("home")),),
        token=TOKEN,
    )


def entered(spawner: DockerSpawner, spec: ServerSpec) -> ServerClient:
    """A client of the server, started if need be, once it answers."""
    endpoint = spawner.start(spec)
    wait_until(lambda: probing.is_ready(endpoint, TOKEN))
    return ServerClient(endpoint, TOKEN)


def run(spawner: DockerSpawner, spec: ServerSpec, code: str) -> str:
    """What a cell prints in the server."""
    with entered(spawner, spec) as server:
        return server.execute(code).strip()


def test_start_fills_home_from_the_image(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with image_from("RUN mkdir data && echo 1 > data/numbers.csv") as image:
        code = "import os; print(open('data/numbers.csv').read(), os.getcwd(), os.stat('data').st_uid)"

        printed = run(spawner, replace(spec, image=image), code)
        spawner.stop(spec.handle)

    assert printed == "1\n /home/jovyan 1000"


def test_start_finds_files_of_an_earlier_start(spawner: DockerSpawner, spec: ServerSpec) -> None:
    run(spawner, spec, "open('mine.txt', 'w').write('a'); open('home/mine.txt', 'w').write('b')")
    spawner.stop(spec.handle)
    second = replace(spec, handle=Handle(spec.handle.server_id, "start2"))

    printed = run(spawner, second, "print(open('mine.txt').read(), open('home/mine.txt').read())")

    assert printed == "a b"


def test_start_gives_a_key_that_is_kept_in_memory(spawner: DockerSpawner, spec: ServerSpec) -> None:
    code = (
        "import os; path = os.environ['CARREL_TOKEN_FILE']; "
        "print(os.environ['CARREL_TOKEN'], open(path).read(), oct(os.stat(path).st_mode)[-3:], path.split('/')[1])"
    )

    printed = run(spawner, replace(spec, credential="k3y"), code)

    assert printed == "k3y k3y 600 run"


def test_start_gives_no_key_that_nobody_wants(spawner: DockerSpawner, spec: ServerSpec) -> None:
    printed = run(spawner, spec, "import os; print([name for name in os.environ if 'CARREL_TOKEN' in name])")

    assert printed == "[]"


def test_start_keeps_what_kernels_begin_with_from_collection(spawner: DockerSpawner, spec: ServerSpec) -> None:
    printed = run(spawner, spec, "import gc; print(gc.get_freeze_count() > 10_000)")

    assert printed == "True"


def test_start_leaves_an_image_its_own_way_to_begin(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with image_from("RUN echo 'begun = True' > begin.py\nENV PYTHONSTARTUP=/home/jovyan/begin.py") as image:
        printed = run(spawner, replace(spec, image=image), "print(begun)")
        spawner.stop(spec.handle)

    assert printed == "True"


def test_start_mounts_volume_read_only(spawner: DockerSpawner, spec: ServerSpec) -> None:
    mount = Mount(SHARED, PurePosixPath("shared/course"), read_only=True)

    printed = run(spawner, replace(spec, mounts=(mount,)), "open('shared/course/a.txt', 'w')")

    assert "Read-only file system" in printed


def test_start_gives_folders_between_home_and_mount_to_the_person(spawner: DockerSpawner, spec: ServerSpec) -> None:
    mounted = replace(spec, mounts=(Mount(SHARED, PurePosixPath("shared/course")),))

    printed = run(spawner, mounted, "open('shared/note.txt', 'w'); open('shared/course/a', 'w'); print('written')")

    assert printed == "written"


def test_start_labels_volumes_that_the_engine_has_to_make_again(
    spawner: DockerSpawner, spec: ServerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody removes them between their being made and the container's."""
    monkeypatch.setattr(docker, "make_volume", lambda volume: None)

    spawner.start(spec)

    for volume in (spec.home, HOME):
        assert client().api.inspect_volume(volume_name(volume))["Labels"] == volume_labels(volume)


def test_start_keeps_what_the_image_has_out_of_mounted_volume(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with image_from("RUN mkdir home && touch home/left-behind.txt") as image:
        printed = run(spawner, replace(spec, image=image), "import os; print(os.listdir('home'))")
        spawner.stop(spec.handle)

    assert printed == "[]"


@pytest.mark.parametrize("path", ["", "..", "a/../../b", "/etc"])
def test_start_refuses_mount_outside_home(spawner: DockerSpawner, spec: ServerSpec, path: str) -> None:
    with pytest.raises(UserError, match="volume_path_invalid"):
        spawner.start(replace(spec, mounts=(Mount(HOME, PurePosixPath(path)),)))

    assert leftovers() == []


def test_start_keeps_the_entrypoint_of_the_image(spawner: DockerSpawner, spec: ServerSpec) -> None:
    entrypoint = '["sh", "-c", "FROM_ENTRYPOINT=yes exec \\"$@\\"", "--"]'
    with image_from(f"ENTRYPOINT {entrypoint}") as image:
        code = "import os; print(os.environ['FROM_ENTRYPOINT'])"

        printed = run(spawner, replace(spec, image=image), code)
        spawner.stop(spec.handle)

    assert printed == "yes"


def test_start_is_not_disturbed_by_files_called_like_modules(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with image_from("RUN echo 'raise SystemExit(3)' | tee tempfile.py > shutil.py") as image:
        server = entered(spawner, replace(spec, image=image))

        assert server.request("GET", "/api/status").status_code == 200
        spawner.stop(spec.handle)


def test_start_works_with_full_home(spawner: DockerSpawner, spec: ServerSpec) -> None:
    room_for_the_mount_alone = {"type": "tmpfs", "device": "tmpfs", "o": "size=64k,nr_inodes=2,uid=1000"}
    labels = volume_labels(spec.home)
    client().api.create_volume(volume_name(spec.home), driver_opts=room_for_the_mount_alone, labels=labels)
    with image_from("RUN rm -rf /home/jovyan/.[a-z]*") as image:
        printed = run(spawner, replace(spec, image=image), "open('one-more.txt', 'w')")
        tail = spawner.poll(spec.handle).log_tail
        spawner.stop(spec.handle)

    assert "No space left on device" in printed
    assert "settings are not kept this time" in tail


def test_start_falls_back_to_classic_notebook(spawner: DockerSpawner, spec: ServerSpec) -> None:
    program = "RUN mkdir bin && printf '#!/bin/sh\\necho classic: $*\\n' > bin/jupyter-notebook && chmod +x bin/*"
    with image_from(program, "ENV PATH=/home/jovyan/bin:/usr/bin:/bin") as image:
        spawner.start(replace(spec, image=image))
        wait_until(lambda: spawner.poll(spec.handle).liveness is Liveness.EXITED)
        tail = spawner.poll(spec.handle).log_tail
        spawner.stop(spec.handle)

    assert "classic: " in tail


def test_start_offers_settings_of_ours_to_jupyterlab(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with entered(spawner, spec) as server:
        settings = server.request("GET", "/lab/api/settings/@jupyterlab/apputils-extension:notification").json()

    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"


def test_start_shows_token_on_no_command_line(spawner: DockerSpawner, spec: ServerSpec) -> None:
    printed = run(spawner, spec, "print(open('/proc/1/cmdline').read())")

    assert "jupyter" in printed
    assert TOKEN not in printed


def test_start_makes_one_server_for_workers_who_start_it_at_once(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with ThreadPoolExecutor(4) as workers:
        endpoints = set(workers.map(lambda _: DockerSpawner().start(spec), range(4)))

    assert len(endpoints) == 1
    assert len(client().api.networks(names=[networks.name_of(spec.handle)])) == 1


def test_start_goes_on_where_a_worker_was_killed(spawner: DockerSpawner, spec: ServerSpec) -> None:
    networks.make_network(spec.handle)
    assert spawner.list() == {spec.handle: Liveness.ABSENT}

    spawner.start(spec)

    assert spawner.poll(spec.handle).liveness is Liveness.ALIVE


def test_start_makes_server_anew_that_has_ended(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    client().api.kill(networks.name_of(spec.handle))

    spawner.start(spec)

    assert spawner.poll(spec.handle).liveness is Liveness.ALIVE


def test_start_makes_server_anew_that_was_cut_off(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    cut_off(spec.handle)
    before = spawner.list(), spawner.poll(spec.handle)

    endpoint = spawner.start(spec)

    assert before[0] == {spec.handle: Liveness.EXITED}
    assert (before[1].liveness, before[1].reason) == (Liveness.EXITED, "server_cut_off")
    assert spawner.poll(spec.handle).endpoint == endpoint


def cut_off(handle: Handle) -> None:
    """Remove a server's network behind its back."""
    name = networks.name_of(handle)
    client().api.disconnect_container_from_network(name, name, force=True)
    client().api.remove_network(name)


def test_start_removes_containers_that_earlier_starts_have_left(spawner: DockerSpawner, spec: ServerSpec) -> None:
    earlier = Handle(spec.handle.server_id, "start0")
    spawner.start(replace(spec, handle=earlier))
    client().api.kill(networks.name_of(earlier))

    spawner.start(spec)

    assert spawner.poll(earlier).liveness is Liveness.ABSENT


@pytest.mark.parametrize(
    ("user", "code"),
    [("root", "image_user_root"), ("0:0", "image_user_root"), ("1001", "image_user_wrong")],
)
def test_start_refuses_image_of_another_user(spawner: DockerSpawner, spec: ServerSpec, user: str, code: str) -> None:
    with image_from(f"USER {user}") as image, pytest.raises(UserError, match=code):
        spawner.start(replace(spec, image=image))

    assert leftovers() == []


@pytest.mark.parametrize("programs", ["/usr/bin:/bin", "/nowhere"])
def test_poll_gives_reason_for_image_without_jupyter(spawner: DockerSpawner, spec: ServerSpec, programs: str) -> None:
    with image_from(f"ENV PATH={programs}") as image:
        spawner.start(replace(spec, image=image))
        wait_until(lambda: spawner.poll(spec.handle).liveness is Liveness.EXITED)
        status = spawner.poll(spec.handle)
        spawner.stop(spec.handle)

    assert (status.exit_code, status.reason) == (127, "image_without_jupyter")
    assert status.log_tail


def test_poll_gives_reason_for_server_that_ran_out_of_memory(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(replace(spec, limits=Limits(memory_mb=24)))

    wait_until(lambda: spawner.poll(spec.handle).liveness is Liveness.EXITED)

    assert spawner.poll(spec.handle).reason == "server_out_of_memory"


def test_start_leaves_nothing_when_the_runtime_is_missing(
    spawner: DockerSpawner, spec: ServerSpec, settings: Settings
) -> None:
    settings.CONTAINER_RUNTIME = "no-such-runtime"

    with pytest.raises(SystemFailure, match="runtime_unavailable"):
        spawner.start(spec)

    assert spawner.list() == {}


def test_start_leaves_nothing_when_there_are_no_addresses(
    spawner: DockerSpawner, spec: ServerSpec, settings: Settings
) -> None:
    settings.SERVER_NETWORK_POOL = "10.213.255.240/28"
    spawner.start(spec)
    other = replace(spec, handle=Handle("other", "start1"))

    with pytest.raises(SystemFailure, match="no free addresses"):
        spawner.start(other)

    assert spawner.list() == {spec.handle: Liveness.ALIVE}


def test_container_has_every_measure_of_the_table(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(replace(spec, limits=Limits(memory_mb=300, cpus=0.5)))

    found = client().api.inspect_container(networks.name_of(spec.handle))

    host = found["HostConfig"]
    values = {measure.setting: measure.value for measure in HARDENING}
    assert (host["Privileged"], host["CapDrop"], host["CapAdd"]) == (False, ["ALL"], None)
    assert host["SecurityOpt"] == list(values["security_opt"])
    assert (host["Memory"], host["MemorySwap"]) == (300 * 1024**2, 300 * 1024**2)
    assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 512)
    assert (host["Init"], host["IpcMode"], host["OomScoreAdj"]) == (True, "private", 500)
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == values["ulimits"]
    assert host["LogConfig"]["Config"] == values["log_config"]
    assert host["RestartPolicy"]["Name"] == values["restart_policy"]
    assert host["Tmpfs"] == values["tmpfs"]
    assert not any(found["NetworkSettings"]["Ports"].values())


def test_network_forbids_talk_between_neighbours(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    network = client().api.inspect_network(networks.name_of(spec.handle))

    assert network["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert (network["Internal"], network["EnableIPv6"]) == (False, False)


def test_network_is_internal_where_the_settings_say_so(
    spawner: DockerSpawner, spec: ServerSpec, settings: Settings
) -> None:
    settings.SERVER_NETWORK_INTERNAL = True

    server = entered(spawner, spec)

    assert client().api.inspect_network(networks.name_of(spec.handle))["Internal"]
    assert server.request("GET", "/api/status").status_code == 200


def test_stop_removes_volumes_without_a_name(spawner: DockerSpawner, spec: ServerSpec) -> None:
    with image_from('VOLUME ["/data"]') as image:
        spawner.start(replace(spec, image=image))
        found = client().api.inspect_container(networks.name_of(spec.handle))
        (name,) = (mount["Name"] for mount in found["Mounts"] if mount["Destination"] == "/data")

        spawner.stop(spec.handle)

    assert not [volume for volume in client().api.volumes()["Volumes"] or () if volume["Name"] == name]


def test_stop_lets_the_server_tidy_up(spawner: DockerSpawner, spec: ServerSpec) -> None:
    tidying = "import atexit; atexit.register(lambda: open('/home/jovyan/tidied.txt', 'w').write('yes'))"
    with image_from(f'RUN mkdir .jupyter && echo "{tidying}" > .jupyter/jupyter_server_config.py') as image:
        with entered(spawner, replace(spec, image=image)) as server:
            server.execute(tidying.replace("tidied", "kernel"))
        spawner.stop(spec.handle)
        second = replace(spec, image=image, handle=Handle(spec.handle.server_id, "start2"))
        printed = run(spawner, second, "print(open('tidied.txt').read(), open('kernel.txt').read())")
        spawner.stop(second.handle)

    assert printed == "yes yes"


def test_halt_leaves_only_the_network(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    spawner.halt(spec.handle)

    assert set(leftovers()) == {networks.name_of(spec.handle), volume_name(HOME), volume_name(spec.home)}


def test_stop_ends_server_that_does_not_listen_to_reason(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.polite_seconds = 1
    spawner.start(spec)
    client().api.pause(networks.name_of(spec.handle))

    spawner.stop(spec.handle)

    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT


def test_list_names_what_is_left_of_a_server_that_was_removed(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    client().api.remove_container(networks.name_of(spec.handle), force=True)

    assert spawner.list() == {spec.handle: Liveness.ABSENT}


def test_list_names_what_is_left_of_a_server_that_ended(spawner: DockerSpawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    client().api.kill(networks.name_of(spec.handle))

    assert spawner.list() == {spec.handle: Liveness.EXITED}


def test_list_passes_over_images_that_pretend_to_be_servers(spawner: DockerSpawner, spec: ServerSpec) -> None:
    labels = {**installation_labels(), "carrel.server": "pretended", "carrel.start": "start1"}
    impostor = client().containers.run(base_image().location, ["sleep", "600"], labels=labels, detach=True)
    try:
        assert spawner.list() == {}
    finally:
        impostor.remove(force=True)


def test_container_of_carrel_reaches_servers(spawner: DockerSpawner, spec: ServerSpec, settings: Settings) -> None:
    carrel = client().containers.run(base_image().location, ["sleep", "600"], detach=True)
    settings.CARREL_CONTAINER = [carrel.name, "not-there"]
    program = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).status)"
    try:
        endpoint = spawner.start(spec)
        wait_until(lambda: probing.is_ready(endpoint, TOKEN))
        reached = carrel.exec_run(["python3", "-c", program, f"http://{endpoint}/api"])
        spawner.stop(spec.handle)
    finally:
        carrel.remove(force=True)

    assert reached.output == b"200\n"


def test_list_lets_replaced_container_of_carrel_in(
    spawner: DockerSpawner, spec: ServerSpec, settings: Settings
) -> None:
    spawner.start(spec)
    carrel = client().containers.run(base_image().location, ["sleep", "600"], detach=True)
    settings.CARREL_CONTAINER = [carrel.name]
    try:
        spawner.list()
        carrel.reload()
        attached = [*carrel.attrs["NetworkSettings"]["Networks"]]
    finally:
        carrel.remove(force=True)

    assert networks.name_of(spec.handle) in attached


def test_volume_is_read_and_written_while_a_server_runs(spawner: DockerSpawner, spec: ServerSpec) -> None:
    store = DockerVolumeStore()
    run(spawner, spec, "open('home/a.txt', 'w').write('from the server')")

    store.write(HOME, "inbox", store.read(HOME, "a.txt"), max_bytes=100_000)

    assert run(spawner, spec, "print(open('home/inbox/a.txt').read())") == "from the server"


def test_report_finds_the_engines_disk(spawner: DockerSpawner, settings: Settings) -> None:
    here = spawner.report()
    settings.CARREL_CONTAINER = ["carrel-web"]
    elsewhere = spawner.report()

    assert here.disk is not None
    assert 0 < here.disk.free_bytes < here.disk.total_bytes
    assert elsewhere.disk is None
