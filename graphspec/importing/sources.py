"""What ``graphspec import`` takes: ``torchvision:NAME``, ``timm:NAME``, and ``FILE.py:NAME``, which runs the file."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import GraphspecError, fail, quoted, suggest
from graphspec.importing.imported import Imported
from graphspec.importing.of_module import from_module
from graphspec.importing.proof import SEED
from graphspec.importing.record import parameters_of
from graphspec.ops.arguments import DTYPES
from graphspec.ops.imports import import_file
from graphspec.spec.dims import NamedDim

#: What a dim that may be any is in the sample: the batch, and sizes of images.
_BATCH, _SIZE = 2, 64
_FORMS = "torchvision:NAME, timm:NAME or FILE.py:NAME"


def import_source(source: str, inputs: Iterable[str] = ()) -> Imported:
    """The network that `source` names, as a spec. `inputs` are ``NAME=N,3,224,224`` or ``NAME=N,T:int64``.

    Raises:
        GraphspecError: there is no such network, it cannot be made or run, or no spec can say what it does.
    """
    kind, separator, name = source.partition(":")
    if not separator or not name:
        hint = f"graphspec import {source}:NAME" if source.endswith(".py") else f"it takes {_FORMS}"
        raise fail("bad-value", f"{quoted(source)} names no network", hint=hint)
    declared = dict(map(_declared, inputs))
    if kind == "torchvision":
        model, declared = _torchvision(name), declared or {"image": (["N", 3, 224, 224], torch.float32)}
        title = name
    elif kind == "timm":
        model = _timm(name)
        size = getattr(model, "default_cfg", {}).get("input_size", (3, 224, 224))
        declared, title = declared or {"image": (["N", *size], torch.float32)}, name.replace(".", "_")
    elif kind.endswith(".py"):
        model, title = _of_file(Path(kind), name), Path(kind).stem
    else:
        raise fail("bad-value", f"{quoted(kind)} is no kind of source", hint=f"it takes {_FORMS}")
    if not declared:
        wanted = " ".join(f"--input {each}=N,…" for each in parameters_of(model))
        raise fail("missing-argument", f"{quoted(source)} says nothing of its inputs", hint=wanted)
    samples, dims = {}, {}
    for each, (shape, dtype) in declared.items():
        samples[each], dims[each] = _sample(shape, dtype), shape
    return from_module(model, samples, dims, name=title)


def _declared(text: str) -> tuple[str, tuple[list[int | str], torch.dtype]]:
    match = re.fullmatch(r"([A-Za-z]\w*)=([^:]+)(?::(\w+))?", text)
    if not match:
        raise fail(
            "bad-value", f"--input {quoted(text)} is no input", hint="--input image=N,3,224,224 or ids=N,T:int64"
        )
    name, sizes, dtype = match.groups()
    if dtype and dtype not in DTYPES:
        raise fail(
            "bad-value", f"--input {quoted(text)}: there is no dtype {quoted(dtype)}", hint=suggest(dtype, DTYPES)
        )
    shape: list[int | str] = [int(part) if part.strip().isdigit() else part.strip() for part in sizes.split(",")]
    return name, (shape, DTYPES[dtype or "float32"])


def _sample(shape: Sequence[int | str], dtype: torch.dtype) -> Tensor:
    """Numbers for an input: normal ones, ids 0 and 1, or true."""
    dims = [NamedDim.of(size) if isinstance(size, str) else size for size in shape]
    sizes = [_size(dim, n) if isinstance(dim, NamedDim) else dim for n, dim in enumerate(dims)]
    generator = torch.Generator().manual_seed(SEED)
    if dtype.is_floating_point:
        return torch.randn(sizes, generator=generator).to(dtype)
    return (
        torch.ones(sizes, dtype=dtype)
        if dtype == torch.bool
        else torch.randint(0, 2, sizes, generator=generator).to(dtype)
    )


def _size(dim: NamedDim, place: int) -> int:
    return dim.factor * max(1, (_BATCH if place == 0 else _SIZE) // dim.factor)


def _torchvision(name: str) -> nn.Module:
    import torchvision.models

    known = torchvision.models.list_models()
    if name not in known:
        raise fail("bad-value", f"torchvision has no model {quoted(name)}", hint=suggest(name, known))
    extra = (
        {"weights_backbone": None} if "weights_backbone" in _words(torchvision.models.get_model_builder(name)) else {}
    )
    return _made(lambda: torchvision.models.get_model(name, weights=None, **extra), name)


def _words(function: Callable[..., Any]) -> Mapping[str, Any]:
    return inspect.signature(function).parameters


def _timm(name: str) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise fail("bad-import", "timm is not installed", hint="pip install 'graphspec[timm]'") from None
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise fail("bad-value", f"timm has no model {quoted(name)}", hint=suggest(name, known, most=10_000))
    return _made(lambda: timm.create_model(name, pretrained=False), name)


def _of_file(path: Path, expression: str) -> nn.Module:
    """``NAME`` or ``NAME(width=2)`` of a Python file: the file is run, the arguments are literals."""
    name, arguments, keywords = _call(expression)
    found = vars(import_file(path))
    if name not in found:
        hint = suggest(name, [key for key, value in found.items() if callable(value) and not key.startswith("_")])
        raise fail("bad-import", f"{path} has no {quoted(name)}", hint=hint)
    maker = found[name]
    if isinstance(maker, nn.Module):
        return maker
    if not callable(maker):
        raise fail("bad-import", f"{quoted(name)} of {path} is no class and no function")
    try:
        inspect.signature(maker).bind(*arguments, **keywords)
    except TypeError as error:
        required = [
            each.name
            for each in _words(maker).values()
            if each.default is each.empty and each.kind is not each.VAR_KEYWORD and each.kind is not each.VAR_POSITIONAL
        ]
        hint = f"{path}:{name}({', '.join(f'{each}=…' for each in required)})"
        raise fail("missing-argument", f"{name} of {path}: {error}", hint=hint) from error
    model = _made(lambda: maker(*arguments, **keywords), f"{path}:{name}")
    if not isinstance(model, nn.Module):
        raise fail("bad-import", f"{name} of {path} gives {type(model).__name__}, not a torch.nn.Module")
    return model


def _call(expression: str) -> tuple[str, list[Any], dict[str, Any]]:
    if expression.isidentifier():
        return expression, [], {}
    try:
        tree = ast.parse(expression, mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise ValueError
        values = [ast.literal_eval(value) for value in tree.args]
        return tree.func.id, values, {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords if word.arg}
    except (ValueError, SyntaxError):
        message = f"{quoted(expression)} is no name and no call with literals"
        raise fail("bad-value", message, hint="FILE.py:Net, or FILE.py:Net(width=2)") from None


def _made(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make()
    except GraphspecError:
        raise
    except Exception as error:  # the code is the user's, and may raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise fail("bad-import", f"{name} cannot be made: {type(error).__name__}: {reason}") from error
