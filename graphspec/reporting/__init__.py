"""One HTML file about a run or an export, which needs no server and no network, with the model running in it."""

from __future__ import annotations

from graphspec.reporting.write_page import Page, report

__all__ = ["Page", "report"]
