"""Networks that exporters get wrong: every file of an export, at sizes of its own, against what ``references.py`` says.

A network of ``NN-*.toml`` is right if it is exported and every runtime gives the reference in float64 at every size, or
if it is refused at a layer and line of the spec where that is an answer too. Prints a table; exit code 1 where one is
wrong. ``damage.py`` beside this asks what verification lets pass.

    python benchmarks/campaigns/exports/run.py [01 17 …]
"""

# ruff: noqa: E501 - a table
from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from references import REFERENCES
from torch import Tensor

import graphspec

HERE = Path(__file__).parent
#: Where a refusal at compile, with layer and line, is right as well.
MAY_BE_REFUSED = {"04", "15", "18", "28", "30"}
#: Must be refused by compile, at a layer, with these words.
MUST_BE_REFUSED = {"22-half-precision-into-a-linear": "float16", "24-share-of-fp16": "R²|variance|agree"}
Inputs = dict[str, Tensor]


def floats(*sizes: tuple[int, ...], positive: bool = False) -> list[Inputs]:
    """One input x of each size."""
    made = [torch.randn(size) for size in sizes]
    return [{"x": value.abs() + 0.1 if positive else value} for value in made]


def ids(low: int, high: int, *sizes: tuple[int, int]) -> list[Inputs]:
    return [{"ids": torch.randint(low, high, size)} for size in sizes]


def planes(channels: int, *sizes: tuple[int, int]) -> list[Inputs]:
    return floats(*((n, channels, *size) for n, size in enumerate(sizes, 1)))


def _given() -> dict[str, Callable[[], list[Inputs]]]:
    """The inputs of each network, by its number."""

    def square(sizes):
        return planes(3, *((h, h) for h in sizes))

    return {
        "01": lambda: square((1, 2, 3, 4, 5, 6, 9, 16, 33)),
        "02": lambda: floats(*((2, t, 4) for t in (1, 3, 7, 8, 9, 20))),
        "03": lambda: floats(*((2, t, 4) for t in (1, 2, 7, 63, 64))),
        "04": lambda: planes(2, (2, 2), (4, 10), (2, 6), (16, 18)),
        "05": lambda: planes(3, *((h, w) for h in range(1, 13) for w in (1, 5, 12))),
        "06": lambda: [*ids(-5, 20, (1, 1), (3, 4)), {"ids": torch.tensor([[-5, 9, 2**40, -(2**40)]])}],
        "07": lambda: [{"ids": torch.tensor([[16777215, 16777216, 16777217], [16777218, 2**53 + 1, -16777217]])}],
        "08": lambda: [{"image": torch.randn(n, 1, 8, 8)} for n in (1, 5)],
        "11": lambda: floats((1, 8), (5, 8), positive=True),
        "12": lambda: ids(0, 3, (1, 1), (4, 9), (3, 30)),
        "13": lambda: [{"xt": torch.randn(n, 2)} for n in (1, 6)],
        "14": lambda: [{"x": torch.randn(n, t, 8), "keep": torch.rand(n, t) > 0.4} for n, t in ((1, 1), (4, 1), (3, 5))],
        "16": lambda: [{"x": torch.randn(n, t, 5), "h0": torch.randn(1, n, 6), "c0": torch.randn(1, n, 6)}
                       for n, t in ((1, 1), (2, 5), (3, 7))],
        "17": lambda: ids(0, 50, (1, 1), (5, 2), (2, 7)),
        "18": lambda: [{"output": torch.randn(n, 4)} for n in (1, 3)],
        "19": lambda: floats((1, 4), (3, 4)),
        "20": lambda: floats((1, 2, 5, 10), (3, 2, 5, 10)),
        "21": lambda: floats((1, 6), (4, 6)),
        "23": lambda: planes(3, (640, 2), (700, 5)),
        "25": lambda: [*floats((3, 4)), {"x": torch.full((2, 4), 200.0)}, {"x": torch.full((2, 4), -200.0)}],
        "26": lambda: floats((1, 3, 8, 8), (4, 3, 8, 8)),
        "27": lambda: floats((1, 2, 6, 3), (3, 2, 6, 3)),
        "28": lambda: planes(3, (1, 1), (2, 2), (3, 7), (1, 3), (7, 7), (8, 5)),
        "29": lambda: floats((1, 1, 8), (3, 5, 8)),
        "15": lambda: floats((1, 1, 8), (3, 5, 8)),
        "30": lambda: floats((1, 2, 6, 6), (3, 2, 6, 6)),
        "31": lambda: floats((1, 8), (3, 8)),
    }  # fmt: skip


GIVEN = _given()


def main() -> int:
    wanted = tuple(sys.argv[1:])
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    os.chdir(HERE)
    wrong = 0
    print("| network | right | verdict |\n|---|---|---|")
    for stem in sorted({**REFERENCES, **MUST_BE_REFUSED}):
        if wanted and not stem.startswith(wanted):
            continue
        faults = list(judged(stem))
        verdict = "; ".join(faults) or "equal"
        right = not faults or (
            faults[0].startswith("refused") and stem[:2] in MAY_BE_REFUSED | {n[:2] for n in MUST_BE_REFUSED}
        )
        wrong += not right
        print(f"| {stem} | {'yes' if right else 'no'} | {verdict[:200]} |", flush=True)
    print(f"\n{wrong} wrong")
    return int(wrong > 0)


def judged(stem: str) -> Iterator[str]:
    """What is wrong about the export of `stem`; ``refused …`` where it is refused at a place in the spec."""
    path = f"{stem}.toml"
    formats = [] if "[export]" in Path(path).read_text() else ["onnx", "torchscript", "pt2"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            module = graphspec.compile(path).eval()
            bundle = graphspec.export(path, Path(folder) / "out", formats=formats or None)
        except graphspec.GraphspecError as error:
            placed = re.match(rf"{re.escape(path)}:\d+:\d+: ", str(error))
            said = str(error).splitlines()[0].removeprefix(f"{path}:")
            yield (
                f"refused at {said}"
                if placed and re.search(MUST_BE_REFUSED.get(stem, ""), str(error))
                else f"no place: {said}"
            )
            return
        except Exception as error:
            yield f"{type(error).__name__}: {error}".splitlines()[0]
            return
        if stem in MUST_BE_REFUSED:
            yield "not refused"
            return
        weights = {
            name: value.double() if value.is_floating_point() else value for name, value in module.state_dict().items()
        }
        answers = {"module": lambda values: module(*values.values())}
        answers |= {form: loaded(form, bundle.path(form)) for form in bundle.formats if form in LOADERS}
        for values in GIVEN.get(stem[:2], lambda: floats((1, 16), (3, 16)))():
            exact = {name: value.double() if value.is_floating_point() else value for name, value in values.items()}
            want = REFERENCES[stem](weights, **exact)
            for form, answer in answers.items():
                sizes = " ".join(str(tuple(value.shape)) for value in values.values())
                try:
                    found = answer(values)
                except Exception as error:
                    yield f"{form} at {sizes}: {type(error).__name__}: {str(error).splitlines()[0][:80]}"
                    continue
                yield from (f"{form} at {sizes}: {fault}" for fault in differences(found, want))


def loaded(form: str, path: Path) -> Callable[[Inputs], Any]:
    return LOADERS[form](path)


def onnx(path: Path) -> Callable[[Inputs], Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(values: Inputs) -> dict[str, Tensor]:
        found = session.run(None, {name: value.numpy() for name, value in values.items()})
        return dict(zip(names, map(torch.from_numpy, found), strict=True))

    return run


def torchscript(path: Path) -> Callable[[Inputs], Any]:
    module = torch.jit.load(path)
    return lambda values: module(*values.values())


def pt2(path: Path) -> Callable[[Inputs], Any]:
    module = torch.export.load(path).module()
    return lambda values: module(*values.values())


LOADERS = {"onnx": onnx, "torchscript": torchscript, "pt2": pt2}


def differences(found: Any, want: Any) -> Iterator[str]:
    """How what was found differs from what is right, output by output."""
    if isinstance(want, Tensor):
        want = {"": want}
    if isinstance(found, Tensor):
        found = {next(iter(want)): found}
    if len(want) == 1:
        found = dict(zip(want, found.values(), strict=True))
    for name, value in want.items():
        if tuple(found[name].shape) != tuple(value.shape):
            yield f"{name} is {tuple(found[name].shape)}, not {tuple(value.shape)}"
        elif not value.is_floating_point():
            if not torch.equal(found[name].long(), value.long()):
                yield f"{name} differs"
        elif not torch.allclose(found[name].double(), value.double(), 1e-4, noise(value), equal_nan=True):
            yield f"{name} differs by {(found[name].double() - value).abs().max().item():.1e}"


def noise(value: Tensor) -> float:
    return 1e-5 * max(1.0, value.abs().nan_to_num().max().item() if value.numel() else 0.0)


if __name__ == "__main__":
    sys.exit(main())
