"""How far ``graphspec import`` reaches: one network a process, with bounds of time and memory, as a table.

    python benchmarks/importing.py --family torchvision|segmentation|video|timm|smp|transformers [--json FILE] [NAME…]
    python benchmarks/importing.py --export --json exports.json [NAME…]

Weights are random and nothing is downloaded. timm is taken by one small member of each family: of each first word of a
name (``resnet``, ``swinv2``) in each of its modules. Rows of ``--json`` that stand there already are not run again, and
``--minutes`` ends a part of a long sweep: the same command goes on with the rest. ``--export`` also exports what was
imported as ONNX, TorchScript and .pt2, which verifies each file. Lines stand beside those before scopes were merged.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS, GIB = 240, 16
FORMATS = ("onnx", "torchscript", "pt2")
#: Sizes of images that a network needs; 64 otherwise.
SIZES = {
    **dict.fromkeys("alexnet maxvit_t vit_b_16 vit_b_32 vit_l_16 vit_l_32 vit_h_14".split(), 224),
    "inception_v3": 299, "googlenet": 96,
}  # fmt: skip


def torchvision(name: str) -> tuple[Any, dict[str, Any]]:
    import torch
    from torchvision import models

    module = models.get_model_builder(name).__module__
    words = {"weights_backbone": None} if "segmentation" in module else {}
    if name in ("inception_v3", "googlenet"):
        words = {"init_weights": False}
    size = SIZES.get(name, 64)
    shape = (2, 3, 16, 112, 112) if "video" in module else (2, 3, size, size)
    if name in ("s3d", "mvit_v1_b", "mvit_v2_s", "swin3d_t", "swin3d_s", "swin3d_b"):
        shape = (1, 3, 16, 224, 224)
    return models.get_model(name, weights=None, **words), {"image": torch.randn(shape)}


def timm(name: str) -> tuple[Any, dict[str, Any]]:
    import timm
    import torch

    model = timm.create_model(name, pretrained=False)
    config = model.default_cfg
    size = config["input_size"]
    least = size if config.get("fixed_input_size") else config.get("min_input_size", (size[0], 64, 64))
    image = torch.randn(2, *(least if least[-1] <= size[-1] else size))
    try:
        with torch.no_grad():
            model.eval()(image)
    except RuntimeError:  # too small for it, which nothing says before
        image = torch.randn(2, *size)
    return model, {"image": image}


def smp(name: str) -> tuple[Any, dict[str, Any]]:
    import segmentation_models_pytorch
    import torch

    encoder = "tu-vit_tiny_patch16_224" if name == "dpt" else "resnet18"
    words = {"dynamic_img_size": True} if name == "dpt" else {}
    model = segmentation_models_pytorch.create_model(name, encoder, encoder_weights=None, **words)
    return model, {"image": torch.randn(2, 3, 128 if name == "pan" else 64, 128 if name == "pan" else 64)}


#: What a small member of a family of transformers is made with, besides or instead of the usual words.
_CONFIGS: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "albert": {"embedding_size": 16, "inner_group_num": 1},
    "funnel": {"d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "block_sizes": [2, 2]},
    "convnext": {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 2, 1, 1]},
    "segformer": {
        "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 4, 8],
    },
    "swin": {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4]},
    "convbert": {"embedding_size": 32},
    "electra": {"embedding_size": 16},
    "mobilevit": {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 16, 24, 32, 48, 64, 80]},
}  # fmt: skip
_USUAL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 200,
    "image_size": 64,
}  # fmt: skip


def transformers(name: str) -> tuple[Any, dict[str, Any]]:
    import torch
    from transformers import AutoConfig, AutoModel, FunnelBaseModel

    own = _CONFIGS.get(name, {})
    words = {key: value for key, value in _USUAL.items() if key == "image_size" or not own or name in _AND_USUAL}
    config = AutoConfig.for_model(name, **words | own)
    model = FunnelBaseModel(config) if name == "funnel" else AutoModel.from_config(config)
    if model.main_input_name == "pixel_values":
        return model, {"pixel_values": torch.randn(2, 3, 64, 64)}
    return model, {"input_ids": torch.randint(5, 100, (2, 12))}


_AND_USUAL = frozenset(["albert", "convbert", "electra"])
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
    found = [name for name in models.list_models(module=where) if not name.startswith("quantized")]
    return sorted(found, key=lambda name: next(iter(models.get_model_weights(name))).meta["num_params"])


#: What names say of a network's size, the smallest first; those that say nothing come before "base".
_SIZES = (
    "atto femto pico nano xxs? xtiny tiny|_ti_ _t\\d*(_|$) 10t|14t 18 26 _b0 xs _s\\d*(_|$) small 050 s0 "
    "^((?!base|large|huge|giant|gigantic|_\\db|_xl|so\\d).)*$ base large"
).split()


def _small_timm() -> list[str]:
    """The member of each family of timm that has the smallest input and the shortest name, the smallest first."""
    import timm

    found: dict[tuple[str, str], Any] = {}
    for name in timm.list_models():
        module = timm.models.model_entrypoint(name).__module__
        word = re.match(r"[a-z]+(v\d+)?", name)
        config = timm.models.get_pretrained_cfg(name)
        size = config.input_size[-1] if config else 224
        small = next((n for n, each in enumerate(_SIZES) if re.search(each, name)), len(_SIZES))
        key = (size, small, len(name), name)
        family = (module, word[0] if word else name)
        if not name.startswith("test_") and (family not in found or key < found[family]):
            found[family] = key
    return [key[-1] for key in sorted(found.values())]


def warm_up() -> None:
    """Load once, in the process that all others are forked from, what every import needs."""
    import torch

    import graphspec

    graphspec.from_module(torch.nn.Linear(2, 2), {"x": torch.zeros(2, 2)})


def row_of(family: str, name: str, seconds: int, gib: int, export: bool) -> dict[str, Any]:
    """Import one network, and export it, in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_one, args=(family, name, gib, sender, export))
    process.start()
    sender.close()
    try:
        found = receiver.recv() if receiver.poll(seconds) else {"note": f"more than {seconds} s"}
    except EOFError:
        found = {"note": "the process ended"}
    process.kill()
    process.join()
    return {"name": name, "ok": False} | found


def _one(family: str, name: str, gib: int, sender: Any, export: bool) -> None:
    import torch

    import graphspec

    resource.setrlimit(resource.RLIMIT_AS, (gib << 30, gib << 30))
    torch.manual_seed(0)
    start, row = time.perf_counter(), {}
    try:
        found = graphspec.from_module(*MAKERS[family](name), name=re.sub(r"\W", "_", name))
        row = {"lines": len(found.text.splitlines()), "before": found.scattered, "note": found.unmerged.split("\n")[0]}
        row |= {"imported": round(time.perf_counter() - start, 1)} | (exported(found) if export else {})
        row["ok"] = True
    except Exception as error:  # the table says what it was
        row |= {"note": f"{type(error).__name__}: {error}".split("\n")[0]}
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # Linux counts in KiB
    sender.send(row | {"seconds": round(time.perf_counter() - start, 1), "gib": round(used, 2)})


def exported(found: Any) -> dict[str, Any]:
    """Export an import, which verifies each file: the files that were published."""
    import graphspec

    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            found.save("network.toml")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch has deprecated TorchScript
                bundle = graphspec.export("network.toml", "export", formats=FORMATS)
            return {"exported": sorted(path.name for path in bundle.folder.glob("model.*"))}
        finally:
            os.chdir(here)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=MAKERS, default="torchvision")
    parser.add_argument("--json", type=Path, help="where the rows are kept, and read from when it goes on")
    parser.add_argument("--export", action="store_true", help="export each, verified, and keep the row")
    parser.add_argument("--again", action="store_true", help="run those of --json again that failed")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="the most for one network")
    parser.add_argument("--gib", type=int, default=GIB, help="the most memory for one network, as addresses")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no further network is begun after this")
    parser.add_argument("--part", default="1/1", help="3/4: the third, seventh, … network alone")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    warm_up()
    until = time.monotonic() + 60 * given.minutes
    rows = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    part, parts = map(int, given.part.split("/"))
    wanted = given.names or names(given.family)[part - 1 :: parts]
    for name in wanted:
        if name not in rows or given.names or (given.again and not rows[name]["ok"]):
            if time.monotonic() > until:
                continue
            rows[name] = row_of(given.family, name, given.seconds, given.gib, given.export)
            if given.json:
                given.json.write_text(json.dumps(rows, indent=1))
        row = rows[name]
        lines = f"{row.get('before', ''):>5} {row.get('lines', ''):>5}"
        print(f"{'ok  ' if row['ok'] else 'FAIL'} {name:30} {lines} {row['note'][:160]}", flush=True)
    wanted = [name for name in wanted if name in rows]
    failed = Counter(re.sub(r" \(in .*?\)", "", rows[name]["note"]) for name in wanted if not rows[name]["ok"])
    for note, count in failed.most_common():
        print(f"{count:4} × {note[:150]}")
    print(f"{given.family}: {sum(rows[name]['ok'] for name in wanted)} of {len(wanted)}")


if __name__ == "__main__":
    main()
