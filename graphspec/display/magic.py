"""``%load_ext graphspec``, then ``%%graphspec NAME``: a cell is a spec, which shows itself or what is wrong."""

from __future__ import annotations

from typing import Any

from IPython.display import HTML, display

from graphspec.checking import check
from graphspec.compiler import load
from graphspec.diagnostics import GraphspecError, fail
from graphspec.display.html import page
from graphspec.display.network_view import NetworkView

#: What a cell of TOML gets for a name where none is given.
NAME = "network"


def load_ipython_extension(shell: Any) -> None:
    """Register the magic; IPython calls it."""

    def graphspec(line: str, cell: str) -> Any:
        """%%graphspec NAME: read this cell as a spec, keep it as the variable NAME, and show it.

        One that is wrong is shown up to its fault, and leaves the variable as it was.
        """
        name = line.strip() or NAME
        if not name.isidentifier():
            raise fail("bad-name", f'"{name}" is no name of a variable', hint="%%graphspec NAME, then the spec")
        network = load(cell)
        try:
            check(network)
        except GraphspecError:
            if known := list(NetworkView(network).so_far()):
                display(HTML(page(network.name, known)))
            raise
        shell.user_ns[name] = network
        return network

    shell.register_magic_function(graphspec, "cell")
