"""The layers and tensors that an ONNX network has so far: they are made while it runs for the first time."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.graph.names import taken
from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.onnx.file import Node, OnnxFile
from graphspec.importing.onnx.values import Value
from graphspec.spec.names import fault_in


class Holder(nn.Module):
    """The constants of `file`, and what has been made of them under names that a spec can have; `inputs` are taken."""

    def __init__(self, file: OnnxFile, inputs: Iterable[str]) -> None:
        super().__init__()
        self.constants, self.trained = file.constants, file.trained
        self.kept: dict[Any, str] = {}
        self.used = {name.lower() for name in (*inputs, *taken())}
        self.building = True

    @abstractmethod
    def run(self, nodes: Iterable[Node], values: dict[str, Value]) -> None:
        """What `nodes` give is added to `values`."""

    def layer(self, key: Any, hint: str, make: Callable[[], nn.Module]) -> nn.Module:
        """The layer that `make` gives, made once for each `key`, and called as `hint` says."""
        if key not in self.kept:
            self._check_building()
            name = self.free(hint)
            self.add_module(name, make().eval())
            self.kept[key] = name
        return self.get_submodule(self.kept[key])

    def tensor(self, name: str) -> Tensor:
        """A constant as a tensor of the module: trained where the file has it as an initializer of several floats."""
        if name not in self.kept:
            self._check_building()
            value, own = self.constants[name], self.free(name)
            if name in self.trained and value.dtype == torch.float32 and value.numel() > 1:
                self.register_parameter(own, nn.Parameter(value.clone()))
            else:
                self.register_buffer(own, value.clone())
            self.kept[name] = own
        own = self.kept[name]
        return self.get_parameter(own) if own in self._parameters else self.get_buffer(own)

    def _check_building(self) -> None:
        if not self.building:
            raise NotRecorded("another branch is taken at another size: its course depends on sizes")

    def free(self, hint: str) -> str:
        """`hint` as a name that a layer can have and none has yet."""
        name = re.sub(r"\W+", "_", hint, flags=re.ASCII).strip("_")[:50] or "layer"
        name = name if name[0].isalpha() else f"layer{name}"
        name = name if fault_in(name, "layer", ()) is None else f"{name}_"
        number, found = 1, name
        while found.lower() in self.used or hasattr(self, found):
            number += 1
            found = f"{name}_{number}"
        self.used.add(found.lower())
        return found
