"""Making a module by code that is not ours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from graphspec.diagnostics import GraphspecError, fail


def made(make: Callable[[], nn.Module], name: str) -> nn.Module:
    """What `make` gives from a fixed seed; ``bad-import`` where it raises."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make()
    except GraphspecError:
        raise
    except Exception as error:  # the code is the user's, and may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise fail("bad-import", f"{name} cannot be made: {type(error).__name__}: {reason}") from error
