"""The command line: it parses arguments, calls :mod:`graphspec.pipeline` and prints. It holds no other knowledge."""

from __future__ import annotations


def main() -> None:
    """Run the ``graphspec`` command with the arguments of this process."""
    from graphspec.system.startup import QuickEnd, keep_memory

    keep_memory()
    with QuickEnd().watched():
        from graphspec.cli.app import app

        app()
