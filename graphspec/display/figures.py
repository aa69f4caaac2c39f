"""Figures of matplotlib's in a notebook."""

from __future__ import annotations


def shown_as_png() -> None:
    """Let the notebook show a figure that a cell ends with, unless it does already: only who has imported pyplot has
    it so.
    """
    from IPython import get_ipython
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib.figure import Figure

    shell = get_ipython()
    formatters = shell.display_formatter.formatters
    if not any(Figure in formatters[kind].type_printers for kind in ("image/png", "image/svg+xml")):
        select_figure_formats(shell, {"png"})
