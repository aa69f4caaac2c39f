"""The network's own files, written anew from one capture, and what others have otherwise than those."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Collection, Sequence
from pathlib import Path

import torch

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.bundle.manifest import versions
from graphspec.exporting.capture import Capture, capture, first_line
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.exporting.reference import as_array
from graphspec.exporting.sampler import Sampler
from graphspec.formats import FORMATS
from graphspec.module.weights import whole_state
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.verifying.accounting import Account, account
from graphspec.verifying.accounting.programs import Program, account_program
from graphspec.verifying.accounting.raw import account_raw
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import UNOPTIMISED, Runtime, chosen


class OwnFiles:
    """Writes the files of `network` into the runner's folder, where they are asked for; `sampler` draws its inputs."""

    def __init__(self, network: Network, sampler: Sampler, runner: Runner) -> None:
        self.network, self._sampler, self._runner = network, sampler, runner

    @functools.cached_property
    def _capture(self) -> Capture:
        return capture(self.network, self._sampler)

    def file(self, format: str, opset_version: int) -> Path:
        """The network's own file of `format`, which is none of machine code, written once."""
        path = self._runner.scratch / f"own_{opset_version}.{format}"
        if not path.exists():
            FORMATS[format].writer.write(Order(self._capture, opset_version, {}, Metadata()), path)
        return path

    def accounts(self, bundle: Bundle, failed: Collection[str] = ()) -> dict[Path, Account]:
        """What the files of `bundle` have otherwise than the network's own, the first format's last.

        A file whose runtime is among the `failed` is not loaded once more.
        """
        found: dict[Path, Account] = {}
        for runtime in chosen(bundle)[::-1]:
            path = bundle.path(runtime.format)
            lowered_by = FORMATS[runtime.format].lowered_by
            others = _other_versions(bundle, ("torch", *lowered_by))
            if runtime is UNOPTIMISED:
                found[path] = self.account_onnx(path, bundle.manifest["opset_version"])
            elif runtime.layered and runtime.name not in failed:
                found[path] = self.account_program(runtime, path, not others)
            elif lowered_by and runtime.name not in failed:
                found[path] = self.account_raw(runtime.format, path, others)
        return found

    def account_onnx(self, path: Path, opset_version: int) -> Account:
        """What the ONNX file at `path` has otherwise than the network's own, where that can be written."""
        try:
            return account_onnx(self.file("onnx", opset_version), path)
        except GraphspecError as error:  # with another version of torch than the one that wrote the file
            return _unwritten(path, error)

    def account_program(self, runtime: Runtime, path: Path, same_torch: bool) -> Account:
        """What the TorchScript or ``.pt2`` file at `path`, which `runtime` reads, has otherwise than the network's own.

        Another version of torch writes other steps: they are compared with `same_torch` only. A file that cannot be
        read is left to its runtime.
        """
        try:
            its = self._read(runtime, path, same_torch)  # first: its weights may have been read just now
            mine = self._read(runtime, self.file(runtime.format, 0), same_torch)
            found = account_program(mine, its, self._runner.shaped.layers)
            left = () if same_torch else (f"the steps of {path.name}, which another version of torch wrote",)
            return dataclasses.replace(found, unaccounted=left)
        except GraphspecError as error:
            return _unwritten(path, error)
        except WorkerError as error:
            return Account(unaccounted=(f"{path.name}, which cannot be read: {first_line(error)}",))

    def account_raw(self, format: str, path: Path, others: Sequence[str] = ()) -> Account:
        """What the file at `path`, of a `format` that another package lowers, lacks of the network's weights.

        Other versions have other forms for them: nothing is compared where there are `others` of what wrote it.
        """
        if others:
            return Account(unaccounted=(f"the weights of {path.name}, which another version of {others[0]} wrote",))
        try:
            file = self.file(format, self.network.spec.export.opset_version)
            own = read_regular(file, most=file.stat().st_size)
            other = read_regular(path, most=2 * len(own) + MOST_JSON)
        except GraphspecError as error:
            return _unwritten(path, error)
        except OSError as error:
            return Account(unaccounted=(f"{path.name}, which cannot be read: {first_line(error)}",))
        weights = {name: as_array(value) for name, value in whole_state(self.network.module).items()}
        return account_raw(own, other, weights, self._runner.shaped.layers)

    def _read(self, runtime: Runtime, path: Path, steps: bool) -> Program:
        return Program(self._runner.weights(runtime, path), self._runner.steps(runtime, path) if steps else ())


def redrawn(network: Network) -> Network:
    """`network` with other weights, seeded: one that is constant by its weights may vary with them."""
    module = copy.deepcopy(network.module)
    generator = torch.Generator().manual_seed(0)
    for weight in module.parameters():
        if weight.is_floating_point():
            weight.data += 0.1 * torch.randn(weight.shape, generator=generator).to(weight)
    return network.with_module(module, network.weights)


def account_onnx(own: Path, path: Path) -> Account:
    """What the ONNX file at `path` has otherwise than the network's `own`."""
    try:
        return account(own, path)
    except Exception as error:  # protobuf's and onnx's own errors, of a file that no runtime will take
        return Account(unaccounted=(f"the file, which cannot be read: {first_line(error)}",))


def _other_versions(bundle: Bundle, packages: Sequence[str]) -> list[str]:
    """Those of `packages` that are here in another version than the one that wrote `bundle`."""
    written = bundle.manifest["versions"]
    known = written if isinstance(written, dict) else {}
    return [package for package, version in versions(packages).items() if known.get(package) != version]


def _unwritten(path: Path, error: GraphspecError) -> Account:
    return Account(unaccounted=(f"{path.name}, for the network cannot be written anew: {first_line(error)}",))
