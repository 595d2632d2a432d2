"""repo2docker's log as people get to read it."""

from __future__ import annotations

import json

import pytest

from environments.builders.repo2docker_log import Progress, unwrapped


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ('{"message": "Using PythonBuildPack builder\\n", "phase": "building"}', ["Using PythonBuildPack builder"]),
        ('{"message": "#5 0.1 caf\\u00e9 \\u001b[31mred\\u001b[0m\\n"}', ["#5 0.1 café red"]),
        ('{"message": "one\\ntwo\\rthree"}', ["one", "two", "three"]),
        ('{"message": "\\n", "phase": "building"}', [""]),
        ('{"message": 7}', ["7"]),
        (
            '{"message": "Error during build: \\"x\\" failed", "exc_info": "Traceback',
            ['Error during build: "x" failed'],
        ),
        ('{"message": "half a li', ["half a li"]),
        ('{"message": "half an escape \\u00', ["half an escape \\u00"]),
        ("{not json", ["{not json"]),
        ('{"phase": "building"}', ['{"phase": "building"}']),
        ("Cannot connect to the Docker daemon", ["Cannot connect to the Docker daemon"]),
        ("", [""]),
    ],
)
def test_unwrapped_gives_the_text(line: str, texts: list[str]) -> None:
    assert unwrapped(line) == texts


def test_unwrapped_survives_any_message() -> None:
    hostile = '\ud800 \x00\x1b]0;title\x07\x9b31m \\ " {'

    assert unwrapped(json.dumps({"message": hostile})) == ['? 31m \\ " {']


BUILD = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 111B done
#1 DONE 0.0s

#3 [internal] load metadata for docker.io/carrel-test/base:latest
#3 DONE 0.0s

#4 [1/3] FROM docker.io/carrel-test/base@sha256:0123
#4 CACHED

#5 [2/3] RUN pip install six
#5 0.172 Collecting six
#5 0.272
#5 ...

#6 [stage-1 3/3] COPY . .
#6 DONE 0.1s

#5 [2/3] RUN pip install six
#5 1.172   Downloading six
#5 DONE 1.2s

#7 exporting to image
#7 exporting layers done
#7 writing image sha256:8a4c3df22dcf4bb99ca78d1d95751f076ec889b38aa4c40aaaea6976a6544e3b done
#7 naming to docker.io/carrel/abc:x done
#7 DONE 0.0s"""


def shown(text: str) -> list[str]:
    progress = Progress()
    return [line for line in map(progress.shown, text.splitlines()) if line]


def test_progress_leaves_steps_and_what_they_print() -> None:
    assert shown(BUILD) == [
        "[1/3] FROM docker.io/carrel-test/base@sha256:0123",
        "[2/3] RUN pip install six",
        "Collecting six",
        "[stage-1 3/3] COPY . .",
        "[2/3] RUN pip install six",
        "  Downloading six",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "#5 ERROR: executor failed running [/bin/sh -c false]: exit code: 1",
        "#3 [internal] load metadata for docker.io/x\n#3 ERROR: no such host",
    ],
)
def test_progress_keeps_errors(text: str) -> None:
    assert shown(text)[-1].startswith("ERROR: ")


@pytest.mark.parametrize(
    "line",
    [
        "Picked Local content provider.",
        "Using local repo ..",
        "Error during build: Command '['docker', 'buildx']' returned non-zero exit status 1.",
    ],
)
def test_progress_leaves_out_what_is_said_about_us(line: str) -> None:
    assert shown(line) == []


def test_progress_keeps_what_repo2docker_says() -> None:
    assert shown("Found invalid package name _x in apt.txt") == ["Found invalid package name _x in apt.txt"]


def test_progress_shows_what_a_step_prints_even_if_it_looks_like_bookkeeping() -> None:
    assert shown("#5 0.1 DONE 3s") == ["DONE 3s"]
