"""Things that people do with data, losses and figures, each with the right answer: what graphspec says and computes.

The right figures were computed with plain PyTorch, NumPy and scikit-learn. Where a sentence is asked for its words are
free, but it names the cause. Prints a table; exit code 1 where an answer is wrong.

    python benchmarks/campaigns/training/run.py [flip-mask homes …]
"""

# ruff: noqa: E501 - a table
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy
from make_data import main as make_data

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@dataclass
class Run:
    """A trained spec: how the command ended, what it printed, what its evaluation holds."""

    name: str
    code: int
    text: str

    @property
    def folder(self) -> Path:
        return Path("runs") / self.name

    @property
    def evaluation(self) -> dict[str, Any]:
        return json.loads((self.folder / "evaluation.json").read_text())

    def figure(self, part: str, metric: str) -> float:
        return float(self.evaluation["parts"][part][metric])

    def weights(self) -> dict[str, Any]:
        return safetensors.numpy.load_file(self.folder / "best.safetensors")


def graphspec(*arguments: str, **environment: str) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "160", **environment}
    done = subprocess.run(
        [sys.executable, "-m", "graphspec", *arguments], capture_output=True, text=True, env=env, timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


Check = Callable[[Run], str]


def near(part: str, metric: str, value: float, within: float = 0.02) -> Check:
    def check(run: Run) -> str:
        if run.code:
            return f"exit code {run.code}: {last(run.text)}"
        found = run.figure(part, metric)
        return "" if abs(found - value) <= within else f"{part} {metric} is {found:.4f}, not {value}"

    return check


def says(*words: str, code: int | None = None) -> Check:
    def check(run: Run) -> str:
        if "Traceback" in run.text:
            return f"traceback: {last(run.text)}"
        if code is not None and run.code != code:
            return f"exit code {run.code}, not {code}: {last(run.text)}"
        missing = [word for word in words if not re.search(word, run.text, re.I)]
        return f"says nothing of {', '.join(missing)}: {last(run.text)}" if missing else ""

    return check


def either(*checks: Check) -> Check:
    def check(run: Run) -> str:
        found = [check(run) for check in checks]
        return "" if "" in found else " | ".join(found)

    return check


def both(*checks: Check) -> Check:
    return lambda run: "; ".join(filter(None, (check(run) for check in checks)))


def last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return next((line for line in lines if "error[" in line), lines[-1] if lines else "")[:160]


def values(key: str, wanted: list[float], within: float) -> Check:
    """A tensor of the best weights."""

    def check(run: Run) -> str:
        if run.code:
            return f"exit code {run.code}: {last(run.text)}"
        found = run.weights()[key].ravel().tolist()
        right = len(found) == len(wanted) and all(abs(f - w) <= within for f, w in zip(found, wanted, strict=True))
        return "" if right else f"{key} is {[round(value, 4) for value in found]}, not {wanted}"

    return check


def command(*arguments: str, check: Check, **environment: str) -> Check:
    """Another command after training."""
    return lambda run: check(Run(run.name, *graphspec(*arguments, **environment)))


def files(part: str, count: int) -> Check:
    def check(run: Run) -> str:
        if run.code:
            return f"exit code {run.code}: {last(run.text)}"
        found = run.evaluation["samples"].get(part, [0, 0])[1]
        return "" if found == count else f"{part} has {found} files, not {count}"

    return check


def still_batch_norm(run: Run) -> str:
    for key, value in run.weights().items():
        wanted = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}.get(key.rsplit(".", 1)[-1])
        if wanted is not None and not (value == wanted).all():
            return f"{key} moved"
    return "" if run.code == 0 else last(run.text)


def iris(run: Run) -> str:
    found = [
        command("evaluate", "iris.toml", check=says("runs/iris", code=1))(run),
        command("verify", "runs/iris", check=says("graphspec export runs/iris", code=1))(run),
        either(says(code=0), says("--resume", "--run"))(Run("iris", *graphspec("train", "iris.toml"))),
    ]
    graphspec("export", "runs/iris")
    weights = Path("exports/iris/weights.safetensors").read_bytes()
    _, text = graphspec("export", "iris.toml")
    kept = Path("exports/iris/weights.safetensors").read_bytes() == weights
    found.append(
        "" if kept or re.search("untrained|not trained", text) else "the trained export was replaced without a word"
    )
    readme = Path("exports/iris/README.md").read_text()
    missing = [word for word in ("setosa", "versicolor", "virginica") if word not in readme]
    found.append(f"README names no {missing}" if missing else "")
    mean = re.search(r"5\.8\d|3\.0\d|3\.7\d", readme)
    found.append("" if mean else "README has no mean of a feature")
    shutil.rmtree("runs/iris")
    found.append(says(code=0)(Run("iris", *graphspec("train", "iris.toml", MPLBACKEND="widget"))))
    return "; ".join(filter(None, found))


ONE = [1.00, 0.005]
FOLDERS = both(files("validation", 20), near("validation", "accuracy", 0.0))
HOMES = says(r"\b30(\.0\d*)?\b|\b29\.9\d*", r"\b60(\.0\d*)?\b|\b59\.9\d*", code=0)
UNDEFINED = says("roc_auc", "validation|monitor|no value")

CASES: dict[str, Check] = {
    "normalize-whole-numbers": near("train", "accuracy", *ONE),
    "scale-whole-numbers": near("train", "accuracy", *ONE),
    "monitor-without-value": either(near("train", "roc_auc", *ONE), UNDEFINED),
    "early-stop-without-value": either(near("train", "accuracy", 0.97), UNDEFINED),
    "flip-mask": either(near("test", "loss", 0.014), says("RandomHorizontalFlip", "mask", code=1)),
    "flip-same-image": near("test", "loss", 0.0, 0.001),
    "resize-mask": either(near("test", "loss", 0.014), says("Resize", "mask", code=1)),
    "folder-train-valid-test": either(both(FOLDERS, files("test", 20), near("test", "accuracy", *ONE)), says("valid/")),
    "folder-train-validation": either(FOLDERS, says("validation/")),
    "folder-train-val-test": both(FOLDERS, files("test", 20), near("test", "accuracy", *ONE)),
    "folder-Training-Testing": either(both(files("test", 20), near("test", "accuracy", 0.0)), says("Training", "Testing", code=1)),
    "folder-Train-Test": either(both(files("test", 20), near("test", "accuracy", 0.0)), says("Train", "Test", code=1)),
    "ignored-files": either(says("100", "jfif", "gif"), lambda run: "" if sum(s[1] for s in run.evaluation["samples"].values()) == 120 else "not 120 images"),
    "upside-down-photos": near("test", "accuracy", *ONE),
    "one-column-metrics": both(near("train", "calibration_error", 0.0217, 0.0005), near("train", "top_k_accuracy", *ONE)),
    "seconds": near("train", "r2", 0.9999, 0.0001),
    "semicolon": either(near("train", "r2", *ONE), says("delimiter", ";", code=1)),
    "decimal-comma-target": either(near("train", "r2", *ONE), says("use", "12,50|,", "row|line", code=1)),
    "na-feature": says("power", "NA", "row|line"),
    "question-mark": says("power", r"\?", "row|line"),
    "na-target": says("use", "NA", "row|line", code=1),
    "thousands": either(near("train", "r2", *ONE), says("weight", r"\d,\d{3}", code=1)),
    "codes-with-underscore": near("train", "r2", *ONE),
    "postal-codes": both(near("train", "accuracy", *ONE), lambda run: "" if set(run.evaluation["classes"] or ()) == {"02139", "2139", "00501"} else f"classes {run.evaluation['classes']}"),
    "large-numbers-as-classes": both(near("train", "accuracy", *ONE), lambda run: "" if len(run.evaluation["classes"] or ()) == 2 else "one class"),
    "index-column": either(near("test", "accuracy", 0.5, 0.2), says("warning", "column")),
    "zero-one-target": either(near("train", "accuracy", *ONE), says("classes = true", code=1)),
    "text-into-tokens": says("text", "whole|int64", code=1),
    "decimals-into-whole-numbers": says('"[abc]"', "int64|whole", code=1),
    "weights-and-accumulate": values("fc.bias", [0.0370, 0.0741, -0.1111], 0.0002),
    "weights-over-pieces": near("test", "loss", 0.3880, 0.0001),
    "frozen-batch-norm": still_batch_norm,
    "nll-without-log-softmax": says("NLLLoss", "LogSoftmax|CrossEntropyLoss|log-prob"),
    "sigmoid-twice": says("sigmoid", code=0),
    "balanced-one-column": either(both(values("fc.weight", [3.36, -0.153], 0.02), values("fc.bias", [-2.035], 0.02)), says("pos_weight", code=1)),
    "pos-weight": either(both(values("fc.weight", [3.205, -0.144], 0.02), values("fc.bias", [-2.577], 0.02)), says(r"\[3\.0\]", code=1)),
    "homes": both(
        command("predict", "runs/homes", "data/new_homes.csv", check=HOMES),
        command("predict", "runs/homes", "data/new_homes_priced.csv", check=HOMES),
        command("predict", "runs/homes", "data/bare.CSV", check=HOMES),
    ),
    "digits": command("predict", "runs/digits", "data/photo.png", check=either(both(says(code=0), says(r"\b1\b")), says("8 × 8|8x8", "resize", code=1))),
    "channels-last": says("channels", "last|first", code=1),
    "forgotten-flatten": says("Flatten", code=1),
    "diverging": says("lr|learning rate", "grew|diverge|larger"),
    "iris": iris,
}  # fmt: skip


def main() -> int:
    wanted = sys.argv[1:] or list(CASES)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE, folder, dirs_exist_ok=True)
        os.chdir(folder)
        make_data(Path("data"))
        print("| case | right | what is wrong |\n|---|---|---|")
        for name in wanted:
            try:
                fault = CASES[name](Run(name, *graphspec("train", f"{name}.toml")))
            except (OSError, KeyError, subprocess.TimeoutExpired) as error:
                fault = f"{type(error).__name__}: {error}"
            wrong += bool(fault)
            print(f"| {name} | {'no' if fault else 'yes'} | {fault[:240]} |", flush=True)
        os.chdir("/")
    print(f"\n{len(wanted) - wrong} of {len(wanted)} right")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
