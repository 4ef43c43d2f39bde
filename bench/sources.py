"""How fast sources read, each beside what the system or a known library takes for the same, in the same run.

python bench/sources.py postgresql --url postgresql://user:password@host/database
python bench/sources.py postgresql --url ... --rows 1000000 --pushed-rows 10000000 --json FILE

The scripts of tests/services start the servers and say their addresses. Each system is a file ``sources_NAME.py`` with
``add_options(parser)`` and ``measure(options)``, which returns tables of rows by their titles.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from printing import machine, show, write_json

SYSTEMS = ("druid", "elastic", "postgresql")


def main() -> None:
    """Measure one system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="system", required=True)
    for system in SYSTEMS:
        command = commands.add_parser(system)
        command.add_argument("--json", type=Path, help="also write the figures there")
        import_module(f"sources_{system}").add_options(command)
    options = parser.parse_args()
    found = import_module(f"sources_{options.system}").measure(options)
    for title, rows in found.items():
        show(title, rows)
    print(f"\n{machine()}")
    if options.json:
        write_json(options.json, found)


if __name__ == "__main__":
    main()
