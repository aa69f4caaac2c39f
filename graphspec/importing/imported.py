"""What an import gives: the spec's text, its weights, and what was proven of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.system.durable import write_atomically
from graphspec.system.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from graphspec.compiler import Network


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Imported(Shown):
    """A network written as a spec. ``text`` is TOML, without its weights' file.

    ``weights`` are the state_dict, and what the spec's constants hold whose numbers it does not say.

    ``sizes`` are the batch sizes at which its outputs were equal to the source's, in evaluation and in training;
    ``proof`` says in words what else was compared;
    ``scattered`` are the lines that it had before scopes that are alike were written as one block;
    ``unmerged`` says why scopes that are alike were not written as one block, where they were not.
    """

    text: str
    weights: Mapping[str, Tensor]
    sizes: tuple[int, ...]
    name: str = "model"
    unmerged: str = ""
    scattered: int = 0
    proof: str = ""

    @property
    def network(self) -> Network:
        """The spec as a network with these weights."""
        from graphspec.compiler import load

        return load(self.text).with_state(lambda: self.weights)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the spec to `path` (.toml) and the weights beside it, which the spec names; gives the weights' path."""
        import safetensors.torch

        spec = Path(path)
        file = weights_beside(spec)
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in self.weights.items()}
        write_atomically(file, safetensors.torch.save(tensors))
        text = f"# {self.name} as it was imported: {self.proven}.\n{naming(self.text, _relative(file))}"
        write_atomically(spec, text.encode())
        return file

    @property
    def proven(self) -> str:
        """What was proven, in words."""
        return self.proof or f"the same keys, and equal outputs at batches of {' and '.join(map(str, self.sizes))}"


def weights_beside(spec: Path) -> Path:
    """Where the weights of an imported spec are written."""
    return spec.with_suffix(".safetensors")


def naming(text: str, weights: str) -> str:
    """`text` with the file of weights that it starts from."""
    from graphspec.spec.dump import toml_value

    return f"{text}\n[train]\ninit = {toml_value(weights)}\n"


def _relative(file: Path) -> str:
    """A path of a spec begins at the working directory, and stays inside: from outside it begins at the spec's own."""
    here, whole = Path.cwd(), file.resolve()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else file.name
