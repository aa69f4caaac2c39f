"""Networks of installed libraries: ``torchvision:NAME`` and ``timm:NAME``, with drawn weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import torchvision.models

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.importing.sources.inputs import Input
from graphspec.importing.sources.made import made
from graphspec.importing.sources.opened import Opened


def torchvision_model(name: str, given: Mapping[str, Input]) -> Opened:
    """A network of torchvision's, its backbone without weights too."""
    known = torchvision.models.list_models()
    if name not in known:
        raise fail("bad-value", f"torchvision has no model {quoted(name)}", hint=suggest(name, known))
    words = inspect.signature(torchvision.models.get_model_builder(name)).parameters
    extra = {"weights_backbone": None} if "weights_backbone" in words else {}
    model = made(lambda: torchvision.models.get_model(name, weights=None, **extra), name)
    return Opened(model, name, given or {"image": Input(("N", 3, 224, 224))})


def timm_model(name: str, given: Mapping[str, Input]) -> Opened:
    """A network of timm's."""
    try:
        import timm
    except ImportError:
        raise fail("bad-import", "timm is not installed", hint="pip install 'graphspec[timm]'") from None
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise fail("bad-value", f"timm has no model {quoted(name)}", hint=suggest(name, known, most=10_000))
    model = made(lambda: timm.create_model(name, pretrained=False), name)
    size = getattr(model, "default_cfg", {}).get("input_size", (3, 224, 224))
    return Opened(model, name.replace(".", "_"), given or {"image": Input(("N", *size))})
