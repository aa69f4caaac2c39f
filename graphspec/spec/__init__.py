"""Stage 1: what a spec file says. No torch here."""

from graphspec.spec.dump import digest, dump
from graphspec.spec.load import load, of_one_run
from graphspec.spec.model import BlockSpec, InputSpec, LayerSpec, NetworkSpec

__all__ = ["BlockSpec", "InputSpec", "LayerSpec", "NetworkSpec", "digest", "dump", "load", "of_one_run"]
