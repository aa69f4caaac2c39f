"""The table of variants in other precisions: what is worse stands beside what is better."""

from __future__ import annotations

import io

from rich.console import Console

from graphspec.display.variants_table import variants

ROW = {
    "precision": "int8", "file": "model.int8.onnx", "bytes": 10, "size": 0.27, "milliseconds": 0.1, "latency": 1.31,
    "agreement": 0.9941, "samples": 10000, "part": "the test part",
    "metrics": {"loss": [0.1, 0.2], "accuracy": [0.8683, 0.8673]},
    "notes": ["slower: 1.31 × the time of float32", "worse: accuracy 0.8673 instead of 0.8683"],
}  # fmt: skip


def text_of(manifest):
    console = Console(file=io.StringIO(), width=160)
    for part in variants(manifest):
        console.print(part)
    return console.file.getvalue()


def test_size_time_agreement_and_the_metric_stand_beside_float32_s():
    text = text_of({"variants": {"int8": ROW}})
    heading, _, row, foot = (line.strip() for line in text.strip().splitlines())
    assert heading.split("  ")[-2:] == ["accuracy (float32)", "Remarks"]
    assert row.startswith("model.int8.onnx  0.27 ×  1.31 ×     99.41%     0.8673 (0.8683)")
    assert "slower: 1.31 × the time of float32; worse: accuracy" in row
    assert foot == "Measured on 10000 samples (the test part); time of one sample with one thread."


def test_without_targets_there_is_no_metric_and_without_variants_no_table():
    assert "float32)" not in text_of({"variants": {"int8": ROW | {"metrics": {}, "notes": []}}})
    assert text_of({}) == ""
