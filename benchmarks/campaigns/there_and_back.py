"""Every spec written as .pt2 and as ONNX, imported again: the same function and names, and from .pt2 the same keys.

    python benchmarks/campaigns/there_and_back.py [--json FILE] [--minutes N] [--formats pt2 onnx] [--opset 20] [SPEC…]

What an import gives is proven there already: the loaded program or onnxruntime gives the same on its cases. Here the
network that comes back is held against the one that was written: parameters, names, outputs of both modules on drawn
inputs within the rounding that verification allows. One spec a process; rows of ``--json`` are not run again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 240


def one(spec: str, format: str, opset: int, sender: Any) -> None:
    """The row of one spec in one format."""
    start = time.perf_counter()
    try:
        row = {"ok": True} | came_back(spec, format, opset)
    except Exception as error:  # the table says what it was
        row = {"ok": False, "note": f"{type(error).__name__}: {error}"[:600]}
    sender.send(row | {"seconds": round(time.perf_counter() - start, 1)})


def came_back(spec: str, format: str, opset: int) -> dict[str, Any]:
    """Write, import, compare; a sentence for each thing that is not the same."""
    import torch

    import graphspec
    from graphspec.exporting.capture import capture
    from graphspec.exporting.onnx import write_onnx
    from graphspec.exporting.pt2 import write_pt2
    from graphspec.importing.sources import import_source

    torch.manual_seed(0)
    network = graphspec.load(ROOT / "specs" / f"{spec}.toml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{format}"
        captured = capture(network.copy())
        if format == "onnx":
            write_onnx(captured, path, opset, {})
        else:
            write_pt2(captured, path, {})
        imported = import_source(str(path))
        ours = imported.network
        found = graphspec.diff(network, ours)
    notes = [str(row) for row in found.inputs + found.outputs if not row.get("within_noise")]
    counts = [each.shaped.parameter_count for each in (network, ours)]
    if counts[0] != counts[1]:
        notes.append(f"parameters: {counts}")
    keys = [{key: value.shape for key, value in each.module.state_dict().items()} for each in (network, ours)]
    if format == "pt2" and keys[0] != keys[1]:
        notes.append(f"keys: {sorted(keys[0].keys() ^ keys[1].keys())[:6]}")
    lines = [len(text.splitlines()) for text in (network.spec.source.text, imported.text)]
    return {"ok": not notes, "note": "; ".join(notes), "lines": lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no further spec is begun after this")
    parser.add_argument("--formats", nargs="+", default=["pt2", "onnx"])
    parser.add_argument("--opset", type=int, default=20, help="of ONNX")
    parser.add_argument("specs", nargs="*")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    import graphspec  # torch is loaded once, in the process that all others are forked from

    graphspec.load('graphspec = 1\n[inputs]\nx = [1]\n[layers]\nfc = "ReLU"').module  # noqa: B018

    until = time.monotonic() + 60 * given.minutes
    rows = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    files = sorted((ROOT / "specs").rglob("*.toml"), key=lambda path: path.stat().st_size)
    specs = given.specs or [str(path.relative_to(ROOT / "specs").with_suffix("")) for path in files]
    opset = "" if given.opset == 20 else f" {given.opset}"
    for name, spec, format in [(f"{spec} {format}{opset}", spec, format) for spec in specs for format in given.formats]:
        if name not in rows or given.specs:
            if time.monotonic() > until:
                continue
            context = multiprocessing.get_context("fork")
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=one, args=(spec, format, given.opset, sender))
            process.start()
            sender.close()
            try:
                rows[name] = receiver.recv() if receiver.poll(SECONDS) else {"ok": False, "note": "too long"}
            except EOFError:
                rows[name] = {"ok": False, "note": "the process ended"}
            process.kill()
            process.join()
            if given.json:
                given.json.write_text(json.dumps(rows, indent=1))
        row = rows[name]
        print(f"{'ok  ' if row['ok'] else 'FAIL'} {name:34} {row.get('lines', '')} {row['note'][:300]}", flush=True)
    print(f"{sum(row['ok'] for row in rows.values())} of {len(rows)} came back")


if __name__ == "__main__":
    main()
