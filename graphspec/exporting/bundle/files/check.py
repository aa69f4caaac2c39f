"""Check this exported model: every file is what was published, and its ONNX files still give the golden outputs.

    python check.py        exit code 0: all is well, 1: something is not

Needs only numpy and onnxruntime.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
GOLDENS = {"model.onnx": "golden.npz", "pipeline.onnx": "pipeline_golden.npz"}


def changed_files(folder: Path) -> Iterator[str]:
    """What is wrong with the files of `folder`, by the hashes in its manifest."""
    try:
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        manifest = json.loads(text)
        own = manifest.pop("manifest_sha256", None)
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        yield f"manifest.json is damaged: {error}"
        return
    canonical = json.dumps(manifest, indent=2, ensure_ascii=False)
    if own != hashlib.sha256(canonical.encode()).hexdigest():
        yield "manifest.json was changed"
        return  # what it says of the others is not to be relied on
    if text != json.dumps({**manifest, "manifest_sha256": own}, indent=2, ensure_ascii=False) + "\n":
        yield "manifest.json was rewritten"
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            yield f"{name} was changed"


def wrong_outputs(model: Path, goldens: Path) -> Iterator[str]:
    """The golden outputs that onnxruntime does not reproduce, and how far off it is."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    with np.load(goldens, allow_pickle=False) as golden:
        for case in sorted({key.split(".")[0] for key in golden}, key=int):
            inputs = {value.name: golden[f"{case}.input.{value.name}"] for value in session.get_inputs()}
            for name, output in zip(names, session.run(names, inputs), strict=True):
                expected, allowed = golden[f"{case}.output.{name}"], float(golden[f"{case}.allowed.{name}"])
                if output.shape != expected.shape:
                    yield f"{model.name}, case {case}, output {name}: shape {output.shape} instead of {expected.shape}"
                elif not np.allclose(output.astype(np.float64), expected, rtol=0, atol=allowed):
                    error = np.max(np.abs(output.astype(np.float64) - expected))
                    yield f"{model.name}, case {case}, output {name}: off by {error:.3g}, allowed {allowed:.3g}"


def main() -> int:
    """Say what is wrong; returns the exit code."""
    faults = list(changed_files(FOLDER))
    present = [(model, goldens) for model, goldens in GOLDENS.items() if (FOLDER / model).is_file()]
    if not faults:
        faults = [fault for names in present for fault in wrong_outputs(*map(FOLDER.joinpath, names))]
    for fault in faults:
        print(f"FAILED: {fault}")
    if not faults:
        ran = " and the golden outputs are reproduced" if present else "; none is an ONNX file, so none was run"
        print(f"all files are as published{ran}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
