"""Which process of a distributed run this is: what torchrun, or another launcher, says in the environment."""

from __future__ import annotations

import os


def size() -> int:
    """How many processes train together; 1 where nobody started several."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """This process's number among them, from 0."""
    return _number("RANK", 0) if size() > 1 else 0


def local_rank() -> int:
    """Its number on this machine, which chooses its GPU."""
    return _number("LOCAL_RANK", 0) if size() > 1 else 0


def restarts() -> int:
    """How often torchrun has started the processes anew after one of them failed (``--max-restarts``)."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) if size() > 1 else 0


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else otherwise
