"""Stage 4: the network as an ordinary nn.Module."""

from graphspec.module.build import build

__all__ = ["build"]
