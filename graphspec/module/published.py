"""Weights that torchvision publishes: fetched when the user allows it, and read only if they are what was published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail, quoted
from graphspec.module.names import within
from graphspec.module.weights import cast_to, load_weights, read_tensors
from graphspec.ops.published import Published, published
from graphspec.system.regular_file import sha256


def named_in(data: Any) -> list[Published]:
    """The published weights that the layers of a spec, `data` or a part of it, start from."""
    if not isinstance(data, dict):
        return [found for each in data for found in named_in(each)] if isinstance(data, list | tuple) else []
    init = data.get("init")
    name = init.get("weights") if isinstance(init, dict) else None
    found = published(name) if isinstance(name, str) else None
    return [*([found] if found else []), *(each for value in data.values() for each in named_in(value))]


def fetch(wanted: Iterable[Published]) -> None:
    """Download what torch.hub does not keep yet. Raises ``GraphspecError`` (``download``) where that fails."""
    import torch.hub

    for each in wanted:
        if each.path.is_file():
            continue
        try:
            each.path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(each.url, str(each.path), each.digits, progress=False)
        except (OSError, RuntimeError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise fail("download", f"{quoted(each.name)} cannot be fetched from {each.url}: {reason}") from error


def load_published(
    module: nn.Module, name: str, left_out: Sequence[str], partial: bool, layer: str, at: SpecPath
) -> None:
    """Put the weights called `name` into `module`, whose keys and shapes have to be the file's; but for the modules
    `left_out`, which keep what they have, and where it is `partial` for what the file has besides.

    Raises ``GraphspecError`` where torch.hub does not keep the file, its hash is another, or it does not fit.
    """
    found = published(name)
    assert found is not None
    _check(found, at)
    state, own = read_tensors(found.path, at), module.state_dict()
    for each in left_out:
        if not any(within(key, each) for key in (*own, *state)):
            raise fail("unknown-reference", f"layer {quoted(layer)}: {quoted(each)} is no part of it", (*at, "except"))
    new = {key: value for key, value in own.items() if any(within(key, each) for each in left_out)}
    taken = {
        key: cast_to(value, own[key]) if key in own else value
        for key, value in state.items()
        if key in own or not (partial or any(within(key, each) for each in left_out))
    }
    message = f"layer {quoted(layer)}: {quoted(name)} does not fit; except = […] names the parts that are to differ"
    load_weights(module, taken | new, message, at)


def _check(found: Published, at: SpecPath) -> None:
    """Nothing of the file is read before its hash is known to be the published one."""
    path = found.path
    if not path.is_file():
        message = f"{quoted(found.name)} is not kept here, as {path}"
        hint = f"train --download fetches it ({found.megabytes:.0f} MB); init = {{ file = … }} takes a file of yours"
        raise fail("no-such-file", message, at, hint)
    digest = sha256(path)
    if not digest.startswith(found.digits):
        message = f"{path} is not what was published: its sha256 begins {digest[: len(found.digits)]}"
        raise fail("checkpoint-damaged", message, at, "remove it; train --download fetches it anew")
