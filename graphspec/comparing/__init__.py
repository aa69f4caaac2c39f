"""Comparing: what is different between two networks, each a spec, a run or an export."""

from graphspec.comparing.compare import Comparison, diff

__all__ = ["Comparison", "diff"]
