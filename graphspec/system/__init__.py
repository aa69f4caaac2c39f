"""What graphspec needs of the machine: files that survive a crash, locks, memory, processes, compiled code."""

import os

# onnxruntime reads it where it is imported, in this process or in one that this one starts; without it, it writes into
# the user's home and resolves a host, which no audit hook of Python's sees
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
