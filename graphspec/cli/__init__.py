"""The command line: it parses arguments, calls :mod:`graphspec.pipeline` and prints. It holds no other knowledge."""

from __future__ import annotations

import errno
import sys


def main() -> None:
    """Run the ``graphspec`` command with the arguments of this process."""
    from graphspec.system.standard_files import give_up, open_closed_ones
    from graphspec.system.startup import QuickEnd, end_by_signals, keep_memory, without_log

    end_by_signals()
    open_closed_ones()
    keep_memory()
    without_log()
    with QuickEnd().watched():
        from graphspec.cli.app import app

        try:
            app()
        except OSError as error:  # of --help and --version, which print without more ado
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            give_up(1)
            sys.exit(f"standard output cannot be written: {error.strerror}")
