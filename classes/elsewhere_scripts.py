"""The same commands as a file to run: it looks at what the repository has, and says what it cannot honour. Pure.

The second time it makes nothing anew and opens JupyterLab, so that it is also the way to go on.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from classes.elsewhere import Source, System, quoted, repo2docker_command

REFUSED = (
    *("Dockerfile", "apt.txt", "install.R", "DESCRIPTION", "Project.toml", "JuliaProject.toml", "REQUIRE"),
    *("default.nix", "Pipfile", "start"),
)
"""What neither pip nor conda can give."""
_PLACE = re.compile(r"@(\w+)@")
_BYTE_ORDER_MARK = "\ufeff"
"""Without it Windows PowerShell takes bytes of accented letters for quotes."""


def script(source: Source, system: System, *, title: str) -> str:
    """A script of a class with this title, for a POSIX shell or for PowerShell."""
    words = _words(source, system, title)
    template = (_SHELL if system is System.POSIX else _POWERSHELL).strip() + "\n"
    text = _PLACE.sub(lambda place: words[place[1]], template)
    return text if system is System.POSIX else _BYTE_ORDER_MARK + text.replace("\n", "\r\n")


def _words(source: Source, system: System, title: str) -> dict[str, str]:
    """What stands in the script's places, quoted."""
    told = {
        "no_git": _("git is missing. Install it from https://git-scm.com and try again."),
        "no_conda": _("conda is missing. Install it from https://conda-forge.org/download and try again."),
        "no_python": _("Python is missing. Install it from https://www.python.org and try again."),
        "refused": _("This environment needs repo2docker, because the repository has this file:"),
        "instead": _("Install Docker and repo2docker, and type: {command}").format(command=repo2docker_command(source)),
        "post_build": _("There is a postBuild script, which is not run here. Look at it if something is missing."),
    }
    return {
        "title": _one_line(title),
        **{name: quoted(words, system) for name, words in told.items()},
        "commit": source.commit,
        "folder": source.folder,
        "files": " ".join(REFUSED) if system is System.POSIX else ", ".join(f"'{name}'" for name in REFUSED),
        "url": quoted(source.address, system),
    }


def _one_line(text: str) -> str:
    """The text as it can stand in a comment."""
    return "".join(character if character.isprintable() else " " for character in text)


_SHELL = """
#!/bin/sh
# Makes the environment of “@title@” on this computer and opens JupyterLab in it.
# Run it with: sh @folder@.sh
set -eu

stop() { printf '%s\\n' "$@" >&2; exit 1; }

command -v git >/dev/null || stop @no_git@
if [ ! -e @folder@ ]; then
  rm -rf @folder@.part
  git clone --recurse-submodules @url@ @folder@.part
  git -C @folder@.part checkout --quiet --detach @commit@
  mv @folder@.part @folder@
fi
cd @folder@

place=.
for other in .binder binder; do
  if [ -d "$other" ]; then place=$other; fi
done
for file in @files@; do
  if [ -e "$place/$file" ]; then stop @refused@" $file" @instead@; fi
done
if [ -e "$place/postBuild" ]; then printf '%s\\n' @post_build@; fi

if [ -e "$place/environment.yml" ]; then
  command -v conda >/dev/null || stop @no_conda@
  if [ ! -e .conda/.made ]; then
    conda env create --yes --prefix ./.conda --file "$place/environment.yml"
    conda install --yes --prefix ./.conda --channel conda-forge jupyterlab
    touch .conda/.made
  fi
  exec conda run --prefix ./.conda --no-capture-output jupyter lab
fi

command -v python3 >/dev/null || stop @no_python@
if [ ! -e .venv/.made ]; then
  python3 -m venv .venv
  if [ -e "$place/requirements.txt" ]; then
    .venv/bin/python -m pip install jupyterlab -r "$place/requirements.txt"
  else
    .venv/bin/python -m pip install jupyterlab
  fi
  if [ "$place" = . ] && { [ -e pyproject.toml ] || [ -e setup.py ]; }; then
    .venv/bin/python -m pip install .
  fi
  touch .venv/.made
fi
exec .venv/bin/python -m jupyter lab
"""

_POWERSHELL = """
# Makes the environment of “@title@” on this computer and opens JupyterLab in it.
# Run it with: powershell -ExecutionPolicy Bypass -File @folder@.ps1
$ErrorActionPreference = 'Stop'

function Stop-Here { $args | ForEach-Object { Write-Host $_ }; exit 1 }
function Invoke-Step {
  $rest = $args[1..($args.Length - 1)]
  & $args[0] @rest
  if ($LASTEXITCODE) { exit $LASTEXITCODE }
}
function Test-Program($name) { [bool](Get-Command $name -ErrorAction SilentlyContinue) }

if (-not (Test-Program git)) { Stop-Here @no_git@ }
if (-not (Test-Path @folder@)) {
  if (Test-Path @folder@.part) { Remove-Item -Recurse -Force @folder@.part }
  Invoke-Step git clone --recurse-submodules @url@ @folder@.part
  Invoke-Step git -C @folder@.part checkout --quiet --detach @commit@
  Rename-Item @folder@.part @folder@
}
Set-Location @folder@

$place = '.'
foreach ($other in '.binder', 'binder') { if (Test-Path $other -PathType Container) { $place = $other } }
foreach ($file in @files@) {
  if (Test-Path "$place/$file") { Stop-Here (@refused@ + " $file") @instead@ }
}
if (Test-Path "$place/postBuild") { Write-Host @post_build@ }

if (Test-Path "$place/environment.yml") {
  if (-not (Test-Program conda)) { Stop-Here @no_conda@ }
  if (-not (Test-Path .conda/.made)) {
    Invoke-Step conda env create --yes --prefix ./.conda --file "$place/environment.yml"
    Invoke-Step conda install --yes --prefix ./.conda --channel conda-forge jupyterlab
    New-Item .conda/.made | Out-Null
  }
  Invoke-Step conda run --prefix ./.conda --no-capture-output jupyter lab
  exit
}

$python = '.venv/Scripts/python.exe'
if (-not (Test-Path .venv/.made)) {
  if (-not (Test-Program py)) { Stop-Here @no_python@ }
  Invoke-Step py -3 -m venv .venv
  if (Test-Path "$place/requirements.txt") {
    Invoke-Step $python -m pip install jupyterlab -r "$place/requirements.txt"
  } else {
    Invoke-Step $python -m pip install jupyterlab
  }
  if ($place -eq '.' -and ((Test-Path pyproject.toml) -or (Test-Path setup.py))) {
    Invoke-Step $python -m pip install .
  }
  New-Item .venv/.made | Out-Null
}
Invoke-Step $python -m jupyter lab
"""
