#!/usr/bin/env python
"""Carrel's command line: Django's own commands, and `up`, `demo`, `token`."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["up"]:
        # Choosing `up` is what makes a data directory an embedded one; its secrets must exist before
        # the settings are read.
        from config.embedded import prepare_data_directory

        prepare_data_directory()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
