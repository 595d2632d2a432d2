"""The folder where a driver and its kernel meet: private, and found again when its driver has died."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.errors import UserError
from environments.sandboxes.base import Channel
from environments.sandboxes.rendezvous import forget, is_left_behind, kernel_ids, meet, new_kernel_id


@pytest.fixture(autouse=True)
def data(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_meet_shows_the_kernel_what_it_needs_and_others_nothing() -> None:
    with meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as place:
        names = {path.name for path in place.shared.iterdir()}

        assert names == {"launch.py", "connection.json", "files.tar", *Channel}
        assert (mode(place.directory), mode(place.shared)) == (0o700, 0o755)


def test_meet_leaves_nothing() -> None:
    with meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60):
        pass

    assert kernel_ids() == []


def test_meet_gives_every_kernel_a_key_of_its_own() -> None:
    with (
        meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as one,
        meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as other,
    ):
        assert one.key != other.key
        assert len(one.key) == 64


def test_meet_listens_below_a_path_longer_than_addresses(settings: Settings, data: Path) -> None:
    settings.CARREL_DATA = data / ("deep" * 30)

    with (
        meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as place,
        socket.socket(socket.AF_UNIX) as peer,
    ):
        descriptor = os.open(place.shared, os.O_RDONLY)
        peer.connect(f"/proc/self/fd/{descriptor}/shell")
        os.close(descriptor)
        accepted, _address = place.listeners[Channel.SHELL].accept()
        with accepted:
            peer.sendall(b"here")

            assert accepted.recv(10) == b"here"


def test_meet_refuses_links_among_the_files() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    with (
        pytest.raises(UserError, match="volume_entry_refused"),
        meet(new_kernel_id(), files=[buffer.getvalue()], max_files_mb=1, seconds=60),
    ):
        pass

    assert kernel_ids() == []


def test_folder_in_use_is_not_left_behind() -> None:
    with meet(new_kernel_id(), files=None, max_files_mb=1, seconds=60) as place:
        assert not is_left_behind(place.kernel_id)


def test_folder_whose_time_is_long_over_is_left_behind() -> None:
    with meet(new_kernel_id(), files=None, max_files_mb=1, seconds=-3600) as place:
        assert is_left_behind(place.kernel_id)


def test_folder_whose_lock_nobody_holds_is_left_behind(data: Path) -> None:
    kernel = new_kernel_id()
    (data / "run" / "kernels" / kernel).mkdir(parents=True)
    (data / "run" / "kernels" / kernel / "lock").touch()

    assert is_left_behind(kernel)
    forget(kernel)
    assert kernel_ids() == []


@pytest.mark.parametrize(("age_seconds", "expected"), [(0, False), (3600, True)])
def test_folder_without_lock_is_left_behind_only_when_old(data: Path, age_seconds: int, expected: bool) -> None:
    kernel = new_kernel_id()
    folder = data / "run" / "kernels" / kernel
    folder.mkdir(parents=True)
    made_at = time.time() - age_seconds
    os.utime(folder, (made_at, made_at))

    assert is_left_behind(kernel) is expected


def test_folder_that_is_not_there_is_not_left_behind() -> None:
    assert not is_left_behind(new_kernel_id())


@pytest.mark.parametrize("kernel", ["", "..", "../0123456789abcdef", "0123456789ABCDEF", "0123456789abcdef\n"])
def test_forget_refuses_what_is_no_id(kernel: str) -> None:
    with pytest.raises(ValueError, match="not a kernel id"):
        forget(kernel)


def test_kernel_ids_pass_over_other_names(data: Path) -> None:
    (data / "run" / "kernels" / "something").mkdir(parents=True)

    assert kernel_ids() == []
