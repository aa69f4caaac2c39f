"""A small network for the formats that another package lowers, and how the README's lines of their files are run."""

import re
import subprocess
import sys
import warnings

from graphspec.exporting import write_bundle

SPEC = """
graphspec = 1
name = "pocket"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 2, kernel_size = 3, stride = 2, padding = 1 }
bn      = "BatchNorm2d"
relu    = "ReLU"
pool    = { type = "AdaptiveAvgPool2d", output_size = 2 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
[outputs]
scores   = "fc"
features = "flatten"
"""


def written(network, folder, format):
    """The bundle of `network` with the file of `format` alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write_bundle(network, folder, formats=[format], opset_version=20)


def run_readme(folder, printing):
    """The one block of Python in the README, and the words that it prints with the line `printing` behind it."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.S)
    (folder / "main.py").write_text(f"{code}{printing}\n", encoding="utf-8")
    command = [sys.executable, "-I", "main.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return code, done.stdout.split()
