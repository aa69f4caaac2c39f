"""What the list of commands says of each in a line, and the examples below a command's own help."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """``short`` fits the list of commands in 80 columns, each of ``examples`` can be typed as it stands."""

    short: str
    examples: str


def of(command: str) -> Words:
    """The words on `command`."""
    short, *examples = (line.strip() for line in _TEXTS[command].strip().splitlines())
    # \b: click leaves the lines of such a paragraph as they are
    return Words(short, "\n".join(["\b", "Examples:", *(f"  graphspec {each}" for each in examples)]))


_TEXTS = {
    "compile": """Check a spec, infer every shape and show the network.
        compile digits.toml
        compile digits.toml --emit python -o model.py
        compile digits.toml --set layers.fc1.out_features=256
    """,
    "train": """Train a spec, keep the best weights, measure them.
        train digits.toml
        train digits.toml --epochs 20 --overwrite
        train digits.toml --run runs/mine --resume=auto
        train photos.toml --data ~/photos --device cuda
    """,
    "tune": """Search the values that [tune] of a spec names.
        tune search.toml --trials 20
        tune search.toml --resume
    """,
    "evaluate": """Measure a run on every part, draw where it errs.
        evaluate runs/digits
        evaluate runs/digits --ensemble runs/digits-2
    """,
    "inspect": """Look at one training step, layer by layer.
        inspect digits.toml
        inspect runs/digits
    """,
    "predict": """Predict files, or the first samples of the test part.
        predict runs/digits
        predict exports/digits photo.png table.csv
        predict runs/char_gpt --prompt "To be" --count 100
    """,
    "export": """Export a run or a spec; only what is equal is published.
        export runs/digits
        export runs/digits -o exports/mine --format onnx --format pipeline
        export runs/digits --precision int8
    """,
    "verify": """Check an export again, or an ONNX file against one.
        verify exports/digits
        verify exports/digits --runtime all
        verify other.onnx --against exports/digits
    """,
    "import": """Write an existing network as a spec, proven equal.
        import torchvision:resnet18 -o resnet18.toml
        import my_model.py:Net -o net.toml
        import model.onnx -o model.toml
    """,
    "diff": """Show what differs between two specs, runs or exports.
        diff old.toml new.toml
        diff runs/digits runs/digits-2 -o diff.html
    """,
    "check": """Grade a network by what it computes.
        check work.toml --against solution.toml
        check work.toml --against solution.toml --parameters 110000
    """,
    "report": """Write one HTML page of a run, its model running in it.
        report runs/digits -o digits.html
        report exports/digits -o digits.html --no-model
    """,
    "ops": """List what a spec can name, or say what one takes.
        ops
        ops Conv2d
        ops Adam
    """,
    "data": """Show the data set of a spec and its parts.
        data digits.toml
        data digits.toml --show samples.png
    """,
    "schema": """Print the JSON Schema of specs, for editors.
        schema -o graphspec.schema.json
    """,
    "init": """Write a spec to start from, or list the templates.
        init --list
        init mnist
        init table mine.toml
    """,
}
