"""Networks 32 to 34, whose figures are the matter: trained, searched and exported as their first lines say.

python benchmarks/campaigns/exports/trained.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import safetensors.torch
import torch

import graphspec

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CLIP, SEARCH, MEANT = "32-own-layer-with-a-branch", "33-search-by-the-first-outputs-figure", "34-what-an-output-means"


def command(*arguments: str) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "graphspec", *arguments], capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


def a_branch() -> str:
    """The engine by default ends with the bits of the textbook loop."""
    found = []
    for engine in ("default", "eager"):
        code, text = command(
            "train", f"{CLIP}.toml", "--import", "clip_when_large.py", "--set", f"train.engine={engine}",
            "--run", f"runs/{engine}",
        )  # fmt: skip
        if code:
            return f"{engine}: exit code {code}: {text[-200:]}"
        found.append(safetensors.torch.load_file(f"runs/{engine}/last.safetensors"))
    return next((f"{key} differs" for key in found[0] if not torch.equal(found[0][key], found[1][key])), "")


def a_search() -> str:
    code, text = command("tune", f"{SEARCH}.toml")
    return "" if code == 0 and "kind" in text and "Traceback" not in text else f"exit code {code}: {text[-200:]}"


def a_meaning() -> str:
    """Run, export and ``pipeline.onnx`` give one probability for one row."""
    row = np.array([[6.0, 3.0, 4.5, 1.5]])
    np.savetxt("row.csv", row, delimiter=",", header="a,b,c,d", comments="")
    np.save("row.npy", row.astype(np.float32))
    for arguments in (("train", f"{MEANT}.toml", "--run", "runs/meant"), ("export", "runs/meant", "-o", "meant")):
        code, text = command(*arguments)
        if code:
            return f"{arguments[0]}: exit code {code}: {text[-200:]}"
    session = onnxruntime.InferenceSession("meant/pipeline.onnx", providers=["CPUExecutionProvider"])
    given = {each.name: each for each in session.get_inputs()}
    (name,) = given
    kind = np.float64 if "double" in given[name].type else np.float32
    names = [each.name for each in session.get_outputs()]
    answer = dict(zip(names, session.run(None, {name: row.astype(kind)}), strict=True))
    label = int(answer["label"].ravel()[0])
    wanted = float(answer["probabilities"].ravel()[label]) if "probabilities" in answer else None
    for source in ("runs/meant", "meant"):
        (found,) = graphspec.predict(source, ["row.npy"])
        given_one = None if found.probability is None else float(found.probability)
        if (given_one is None) != (wanted is None) or (wanted is not None and abs(given_one - wanted) > 1e-5):
            return f"{source} gives {given_one} ({found.label}), pipeline.onnx {wanted} ({label})"
    return ""


CASES: dict[str, Callable[[], str]] = {CLIP: a_branch, SEARCH: a_search, MEANT: a_meaning}


def main() -> int:
    wrong = 0
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(HERE, folder, dirs_exist_ok=True)
            os.chdir(folder)
            fault = case()
            os.chdir("/")
        wrong += bool(fault)
        print(f"| {name} | {'no' if fault else 'yes'} | {fault} |", flush=True)
    print(f"\n{wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
