"""A page is opened in Chromium, as a person would open it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from graphspec.verifying.runtimes.needs import BROWSER, ORT_WEB


@pytest.fixture
def visit() -> Any:
    """``visit(page, profile, doing)`` of the module beside this one."""
    if BROWSER.missing or ORT_WEB.missing or not importlib.util.find_spec("tornado"):
        pytest.skip("make runtimes, and Chromium")
    known = importlib.util.spec_from_file_location("chromium", Path(__file__).with_name("chromium.py"))
    assert known is not None
    assert known.loader is not None
    module = importlib.util.module_from_spec(known)
    known.loader.exec_module(module)
    return module.visit
