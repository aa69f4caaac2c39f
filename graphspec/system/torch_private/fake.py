"""Tensors without values whose sizes are symbols: what shapes are inferred with.

``FakeTensorMode`` and ``ConstantSource`` make them, ``enable_python_dispatcher`` keeps Upsample and Flatten from
freezing every dim. With a torch that has moved one, no shape can be inferred, and the import says so.
"""

from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode

__all__ = ["ConstantSource", "FakeTensorMode", "enable_python_dispatcher"]
