"""The names of modules and parameters, as a state_dict has them."""

from __future__ import annotations


def within(name: str, module: str) -> bool:
    """Whether `name` is `module` or inside it."""
    return name == module or name.startswith(f"{module}.")
