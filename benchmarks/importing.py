"""How far ``graphspec import`` reaches: one network a process, with bounds of time and memory, as a table.

    python benchmarks/importing.py --family torchvision|segmentation|video|timm|smp|transformers [--json FILE] [NAME…]

Weights are random and nothing is downloaded. timm is taken by one small member of each family.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS, BYTES = 120, 10 << 30
#: Sizes of images that a network needs; 64 otherwise.
SIZES = {
    **dict.fromkeys("alexnet maxvit_t vit_b_16 vit_b_32 vit_l_16 vit_l_32 vit_h_14".split(), 224),
    "inception_v3": 299, "googlenet": 96,
}  # fmt: skip


def torchvision(name: str) -> tuple[Any, dict[str, Any]]:
    import torch
    from torchvision import models

    module = sys.modules[models.get_model_builder(name).__module__].__name__
    words = {"weights_backbone": None} if "segmentation" in module else {}
    size = SIZES.get(name, 64)
    shape = (2, 3, 16, 112, 112) if "video" in module else (2, 3, size, size)
    return models.get_model(name, weights=None, **words), {"image": torch.randn(shape)}


def timm(name: str) -> tuple[Any, dict[str, Any]]:
    import timm
    import torch

    model = timm.create_model(name, pretrained=False)
    size = model.default_cfg["input_size"]
    least = model.default_cfg.get("min_input_size", size if model.default_cfg.get("fixed_input_size") else (3, 64, 64))
    return model, {"image": torch.randn(2, *(least if least[-1] <= size[-1] else size))}


def smp(name: str) -> tuple[Any, dict[str, Any]]:
    import segmentation_models_pytorch
    import torch

    return segmentation_models_pytorch.create_model(name, "resnet18", encoder_weights=None), {
        "image": torch.randn(2, 3, 64, 64)
    }


def transformers(name: str) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(
        name, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    model = AutoModel.from_config(config)
    if "pixel_values" in model.forward.__code__.co_varnames:
        return model, {"pixel_values": torch.randn(2, 3, config.image_size, config.image_size)}
    return model, {"input_ids": torch.randint(5, 100, (2, 12))}


MAKERS: dict[str, Callable[[str], tuple[Any, dict[str, Any]]]] = {
    "torchvision": torchvision, "segmentation": torchvision, "video": torchvision, "timm": timm, "smp": smp,
    "transformers": transformers,
}  # fmt: skip


def names(family: str) -> list[str]:
    if family == "timm":
        return _small_timm()
    if family == "smp":
        return "unet unetplusplus manet linknet fpn pspnet deeplabv3 deeplabv3plus pan upernet segformer dpt".split()
    if family == "transformers":
        return (
            "bert roberta distilbert albert electra mpnet xlm-roberta deberta deberta-v2 camembert convbert funnel "
            "vit deit beit swin dinov2 convnext segformer"
        ).split()
    from torchvision import models

    where = {"torchvision": models, "segmentation": models.segmentation, "video": models.video}[family]
    return [name for name in models.list_models(module=where) if not name.startswith("quantized")]


def _small_timm() -> list[str]:
    """The member of each module of timm that has the shortest name and the smallest input."""
    import timm

    found: dict[str, str] = {}
    for name in timm.list_models():
        family = timm.models.model_entrypoint(name).__module__
        size = (timm.models.get_pretrained_cfg(name) or timm.models.get_pretrained_cfg("resnet18")).input_size[-1]
        key = (not name.startswith("test_"), size, len(name), name)
        if family not in found or key < found[family][0]:  # type: ignore[index]
            found[family] = (key, name)  # type: ignore[assignment]
    return [str(name) for _, name in found.values()]


def one(family: str, name: str) -> None:
    """Import one network in this process, and print the row."""
    import graphspec

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    start, row = time.perf_counter(), {"name": name, "ok": False}
    try:
        found = graphspec.from_module(*MAKERS[family](name), name=name.replace(".", "_"))
        row |= {"ok": True, "lines": len(found.text.splitlines()), "note": found.unmerged.split("\n")[0]}
    except Exception as error:  # the table says what it was
        row["note"] = f"{type(error).__name__}: {error}".split("\n")[0]
    print(json.dumps(row | {"seconds": round(time.perf_counter() - start, 1)}))


def in_process(family: str, name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--family", family, "--one", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"name": name, "ok": False, "note": f"more than {SECONDS} s"}
    except (IndexError, ValueError):
        return {"name": name, "ok": False, "note": done.stderr.strip().split("\n")[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=MAKERS, default="torchvision")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.one:
        one(given.family, given.one)
        return
    rows = []
    for name in given.names or names(given.family):
        rows.append(in_process(given.family, name))
        row = rows[-1]
        print(f"{'ok  ' if row['ok'] else 'FAIL'} {name:30} {row.get('lines', ''):>5} {row['note'][:160]}", flush=True)
    print(f"{given.family}: {sum(row['ok'] for row in rows)} of {len(rows)}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
