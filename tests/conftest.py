"""Forks of the process that runs the tests leave alone what other tests have made.

A child that collects garbage may free an onnxruntime session whose threads only the parent has, and waits for them for
ever; frozen objects are never collected.
"""

import gc
import os

os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)
