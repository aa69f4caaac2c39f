"""The model that runs in the page with onnxruntime-web, both in the file: pipeline.onnx, or model.onnx for texts."""

from __future__ import annotations

import base64
import dataclasses
import gzip
from collections.abc import Mapping
from typing import Any

from graphspec.compiler import Network
from graphspec.data.learned import FILE, Learned
from graphspec.data.text.encoding import FILE as FILE_OF_TOKENIZER
from graphspec.exporting import Bundle
from graphspec.exporting.pipeline_onnx import read_out
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.formats import BASE
from graphspec.reporting.forms import form_of, text_form
from graphspec.reporting.last_convolution import behind_last_convolution
from graphspec.system.regular_file import read_regular
from graphspec.verifying.runtimes.needs import ORT_WEB

#: The format that holds all of a task: what a page runs, and its entry in the manifest.
PIPELINE = "pipeline"
#: The largest model that is put into a page, in bytes.
MOST_MODEL = 200 * 2**20
#: The two files of onnxruntime-web: the loader, and the kernels.
_RUNTIME = {"loader": "ort.wasm.bundle.min.mjs", "kernels": "ort-wasm-simd-threaded.wasm"}


@dataclasses.dataclass(frozen=True, slots=True)
class Live:
    """What the page runs: ``described`` for its script, ``files`` compressed and in base64; ``because`` says why
    nothing runs.
    """

    because: str = ""
    described: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def runtime_bytes(self) -> int:
        """How much of the page is onnxruntime-web."""
        return sum(len(self.files.get(name, "")) for name in _RUNTIME)

    @property
    def model_bytes(self) -> int:
        """How much of the page is the model."""
        return sum(map(len, self.files.values())) - self.runtime_bytes


def live_model(bundle: Bundle, network: Network) -> Live:
    """The model of `bundle`, whose network that is, for the page; a reason where it cannot run there."""
    found = _of_texts(bundle, network) if bundle.manifest.get("text") else _of_pipeline(bundle)
    if not found.files:
        return found
    if ORT_WEB.missing:
        return Live(f"onnxruntime-web is not installed: make runtimes, or {ORT_WEB.missing}")
    runtime = {name: read_regular(ORT_WEB.path / "dist" / file, most=MOST_MODEL) for name, file in _RUNTIME.items()}
    return Live("", found.described, {**found.files, **_packed(runtime)})


def _of_texts(bundle: Bundle, network: Network) -> Live:
    """``model.onnx`` behind a tokenizer, which ONNX has no form for: the page has one."""
    if BASE.name not in bundle.formats:
        return Live(f"the export has no {BASE.file}: export it with --format {BASE.name}")
    tokenizer = read_regular(bundle.folder / FILE_OF_TOKENIZER, most=MOST_MODEL, links=False)
    form = text_form(bundle.manifest, tokenizer)
    if isinstance(form, str):
        return Live(form)
    about, model = bundle.manifest, read_regular(bundle.path(BASE.name), most=MOST_MODEL, links=False)
    outputs = about["outputs"]
    if not form["running"]:
        after = Postprocessing.of(network.shaped, about["labels"])
        model, outputs = read_out(model, after), after.signature
    described = {"form": form, "labels": about["labels"], "decision": about["decision"]}
    described["outputs"] = [entry["name"] for entry in outputs]
    return Live("", described, _packed({"model": model, "tokenizer": tokenizer}))


def _of_pipeline(bundle: Bundle) -> Live:
    """``pipeline.onnx``, which takes raw samples."""
    if PIPELINE not in bundle.formats:
        return Live("the export has no pipeline.onnx, which holds its preprocessing: export it with --format pipeline")
    learned = Learned.read(bundle.folder) if FILE in bundle.manifest["files"] else None
    form = form_of(bundle.manifest[PIPELINE], bundle.folder, learned)
    if isinstance(form, str):
        return Live(form)
    about = bundle.manifest
    decision = about["decision"] or {}
    described = {"form": form, "labels": about["labels"] or decision.get("labels", []), "decision": about["decision"]}
    described["outputs"] = [output["name"] for output in about[PIPELINE]["outputs"]]
    files = {"model": read_regular(bundle.path(PIPELINE), most=MOST_MODEL, links=False)}
    looks = form["kind"] == "picture" and about["labels"] and decision
    behind = behind_last_convolution(files["model"]) if looks else None
    if behind is not None:
        files = {"model": behind.model, "rest": behind.rest}
        described["look"] = {"seen": behind.seen, "beside": behind.beside, "score": behind.score}
    return Live("", described, _packed(files))


def _packed(files: Mapping[str, bytes]) -> dict[str, str]:
    """`files` as they stand in the page."""
    return {name: base64.b64encode(gzip.compress(content, 6, mtime=0)).decode() for name, content in files.items()}
