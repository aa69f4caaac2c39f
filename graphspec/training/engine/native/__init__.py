"""Kernels in C with torch's own bits, for networks that are small enough for everything else to be overhead."""
