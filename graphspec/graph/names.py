"""Names that a torch module has already: a layer under one of them would replace it."""

from __future__ import annotations

import functools
import keyword
from collections.abc import Iterator

from graphspec.diagnostics import Diagnostic, Path, quoted


@functools.cache
def taken() -> frozenset[str]:
    """Attributes of ``nn.Module`` and ``torch.fx.GraphModule``, and Python's keywords."""
    import torch.fx
    from torch import nn

    return frozenset([*dir(nn.Module()), *dir(torch.fx.GraphModule), *keyword.kwlist])


def check_layer_name(name: str, at: Path) -> Iterator[Diagnostic]:
    """The fault in a layer's name that torch has a use for."""
    if name in taken():
        yield Diagnostic("reserved-name", f"{quoted(name)} is a name of torch's own modules", at, f'call it "{name}_"')
