"""``--emit python``: the network as one readable file that imports only torch, with equal keys and equal outputs."""

from graphspec.module.emit.write import python

__all__ = ["python"]
