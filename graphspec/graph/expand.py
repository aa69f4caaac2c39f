"""Blocks and repeats written out: every layer by its full name, every reference by the full name of what it means."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, Path, fail, quoted, suggest
from graphspec.graph.counting import DEEPEST, check_size
from graphspec.graph.layers import Choice, Frame, Gate, Layer, Ref, Sources
from graphspec.graph.names import check_input_names, check_layer_name
from graphspec.ops import Op, UnknownOp, lookup, similar
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.interpolation import Meter
from graphspec.spec.model import RESERVED, BlockSpec, LayerSpec, NetworkBody, NetworkSpec
from graphspec.spec.names import fault_in
from graphspec.spec.parse import type_name
from graphspec.spec.scope import Bindings

#: Values that layers take, on average, where there are as many layers as can be.
WIRES_PER_LAYER = 40
#: What the output is called where no [outputs] says it.
DEFAULT_OUTPUT = "output"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a body is written out: name prefixes, its path in the spec, the enclosing gates and blocks."""

    prefix: str
    modules: str
    at: Path
    gates: tuple[Gate, ...] = ()
    blocks: tuple[str, ...] = ()
    freeze: bool = False
    keep: bool = False

    def inside(
        self, name: str, module: str, block: str, gates: tuple[Gate, ...], use: LayerSpec, freeze: bool
    ) -> Place:
        """The place of the body of `block`, used as the layer `name` by the line `use`."""
        at = ("blocks", block, "layers")
        return Place(f"{name}.", f"{module}.", at, gates, (*self.blocks, block), freeze, self.keep or use.keep)


class Expansion:
    """Collects the nodes of a network, and what the name of each block instance or pass-through stands for."""

    def __init__(self, spec: NetworkSpec, most_layers: int) -> None:
        self.spec = spec
        self.most = most_layers
        self.nodes: dict[str, Layer | Choice] = {}
        #: full name of an instance → its outputs by name; the first is what the bare name means
        self.aliases: dict[str, dict[str, Ref]] = {}
        self.used_blocks: set[str] = set()
        self.calls = 0
        self.wires = 0
        self.meter = Meter()
        #: what blocks see of the file's variables
        self.variables = Bindings(spec.vars, meter=self.meter)
        self.faults: list[Diagnostic] = []
        self.known: set[Diagnostic] = set()
        #: the line that made each module so far, and the scope of its arguments, for a `reuse` from another block
        self.made: dict[str, tuple[LayerSpec, Frame]] = {}

    def network(self) -> dict[str, Ref]:
        """Write the whole network out; the outputs' references, not yet followed through aliases."""
        spec = self.spec
        check_size(spec, self.most)
        place = Place("", "", ("layers",))
        inputs = {name: Ref(name) for name in spec.inputs}
        for fault in check_input_names(spec.inputs):
            self.add(fault)
        return self.body(spec, {}, inputs, place, ("outputs",))

    def body(
        self,
        body: NetworkBody,
        given: Mapping[str, tuple[Any, Bindings]],
        inputs: Mapping[str, Ref],
        place: Place,
        at: Path,
    ) -> dict[str, Ref]:
        """Write out one body whose inputs are `inputs`; its outputs by name."""
        values: dict[str, Ref] = dict(inputs)
        frame = Frame(body.vars, given, self.variables if place.blocks else None, self.meter, values)
        uses = [use for key, layer in body.layers.items() for use in self.uses(key, layer, frame, place)]
        self.check_local_names(uses, inputs, place)
        values |= {use.local: Ref(place.prefix + use.local) for use in uses}
        last: Ref | None = next(iter(inputs.values())) if len(inputs) == 1 else None
        for use in uses:
            self.use(use, body, frame, last, place)
            last = values[use.local]
        if body.outputs is None:
            self.check_default_output(inputs, place)
            return {DEFAULT_OUTPUT: values[uses[-1].local]} if uses else {}
        found = {}
        for name, reference in body.outputs.items():
            ref = self.reference(reference, frame, (*at, name))
            if ref:
                found[name] = ref
            if name in values and place.prefix == "" and (name in inputs or reference.partition(".")[0] != name):
                what = "an input" if name in inputs else "another layer"
                message = f"the output {quoted(name)} has the name of {what}"
                self.fault("name-clash", message, (*at, name), "call it something else")
        return found

    def check_default_output(self, inputs: Mapping[str, Ref], place: Place) -> None:
        """A network without ``[outputs]`` has one, whose name no input may have: in files both are values."""
        if place.prefix == "" and DEFAULT_OUTPUT in inputs:
            message = f"the input {quoted(DEFAULT_OUTPUT)} has the name that the output has without [outputs]"
            hint = "rename it, or name the output: [outputs]"
            self.fault("name-clash", message, ("inputs", DEFAULT_OUTPUT), hint)

    def uses(self, key: str, layer: LayerSpec, frame: Frame, place: Place) -> Iterator[Use]:
        """The layers that one line stands for: several where a repeated name has ``${i}`` in it."""
        at = (*place.at, key)
        count = self.closed(layer.repeat, frame, (*at, "repeat"))
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= self.most):
            shown = quoted(count) if isinstance(count, str) else str(count)
            self.fault("bad-value", f'"repeat" is {shown}, not from 1 to {self.most}', (*at, "repeat"))
            return
        if "${" not in key:
            yield Use(key, layer, at, count)
            return
        for i in range(count or 1):
            name = self.closed(key, frame.indexed(i), at)
            if name is not None:
                fault = fault_in(str(name), "layer", at)
                if fault:
                    self.add(fault)
                    return
                yield Use(str(name), layer, at, None, i, i > 0)

    def use(self, use: Use, body: NetworkBody, frame: Frame, last: Ref | None, place: Place) -> None:
        """Write out one use of one line: once, or `repeat` copies in a chain."""
        full = place.prefix + use.local
        if use.copies is None:
            scope = frame if use.index is None else frame.indexed(use.index)
            self.call(use.layer, body, scope, full, place.modules + use.local, use.chained, last, use, place)
            return
        for i in range(use.copies):
            scope = frame.indexed(i)
            last = Ref(f"{full}.{i - 1}") if i else last
            self.call(use.layer, body, scope, f"{full}.{i}", f"{place.modules}{use.local}.{i}", i > 0, last, use, place)
        self.aliases[full] = {"": Ref(f"{full}.{use.copies - 1}")}

    def call(
        self, spec: LayerSpec, body: NetworkBody, scope: Frame, name: str, module: str, chained: bool,
        last: Ref | None, use: Use, place: Place,
    ) -> None:  # fmt: skip
        """Write out one layer or block instance called `name`."""
        self.calls += 1
        self.check_count(use.at)
        condition = self.condition(spec, scope, use.at)
        sources = self.sources(spec, scope, chained, last, use.at)
        first = next(
            (ref for source in sources.values() for ref in (source if isinstance(source, tuple) else (source,))), None
        )
        if condition is False:
            if first is None:
                self.fault(
                    "arity", f"layer {quoted(name)}: an `if` passes the first input through, and there is none", use.at
                )
            else:
                self.aliases[name] = {"": first}
            return
        gates = place.gates
        target = name
        if isinstance(condition, Gate):
            gates = (*gates, condition)
            target = f"{name}?"
            if first is not None:
                self.nodes[name] = Choice(name, condition, Ref(target), first, place.gates)
        if spec.reuse is not None:
            spec, module, scope = self.reused(spec, body, scope, place, use)
        else:
            self.made[module] = (spec, scope)
        kind = self.closed(spec.type, scope, (*use.at, "type"))
        if isinstance(kind, str) and kind in self.spec.blocks:
            self.block(kind, spec, scope, name, target, module, sources, gates, place, use)
        elif isinstance(kind, str):
            self.layer(kind, spec, scope, name, target, module, sources, gates, place, use)
        elif kind is not None:
            message = f"the type of layer {quoted(name)} is {type_name(kind)}, not a name"
            self.fault("wrong-type", message, (*use.at, "type"))
        elif spec.type is None:
            self.fault("missing-key", f"layer {quoted(name)} has no type", use.at, 'add type = "…"')

    def reused(
        self, spec: LayerSpec, body: NetworkBody, scope: Frame, place: Place, use: Use
    ) -> tuple[LayerSpec, str, Frame]:
        """The line that `reuse` names, the module it made, and the scope of its arguments.

        A path leads into blocks, from here or else from the whole network: to what an earlier line made.
        """
        original = body.layers.get(spec.reuse or "")
        module = f"{place.modules}{spec.reuse}"
        at = (*use.at, "reuse")
        if spec.type is not None or spec.args:
            extra = "type" if spec.type is not None else next(iter(spec.args))
            hint = f"it is the same layer as {quoted(spec.reuse)}; remove {extra}"
            self.fault("unknown-argument", f"a layer with `reuse` takes no {quoted(extra)}", (*use.at, extra), hint)
        if original is None:
            module = next((path for path in (module, spec.reuse or "") if path in self.made), "")
            original, scope = self.made.get(module, (None, scope))
        if original is None:
            hint = suggest(spec.reuse or "", body.layers)
            self.fault("unknown-reference", f"no layer {quoted(spec.reuse)} to reuse here", at, hint)
            return LayerSpec.model_validate({"type": "Identity"}), use.local, scope
        if original.reuse is not None or (original.repeat is not None and "." not in (spec.reuse or "")):
            what = "reuses another itself" if original.reuse is not None else "is repeated"
            self.fault("bad-value", f"{quoted(spec.reuse)} {what}; reuse one single layer or block", at)
        # its parameters start, and are tied, where it stands
        return original.model_copy(update={"init": None, "tie": None}), module, scope

    def layer(
        self, kind: str, spec: LayerSpec, scope: Frame, name: str, target: str, module: str, sources: Sources,
        gates: tuple[Gate, ...], place: Place, use: Use,
    ) -> None:  # fmt: skip
        """Enter one layer."""
        op = self.op(kind, spec, scope, use.at)
        if op is None:
            return
        freeze = place.freeze or self.closed(spec.freeze, scope, (*use.at, "freeze")) is True
        self.nodes[target] = Layer(
            target, module, op, spec.args, sources, scope, use.at, gates, spec.init, freeze, spec.tie,
            spec.keep or place.keep,
        )  # fmt: skip

    def op(self, kind: str, spec: LayerSpec, scope: Frame, at: Path) -> Op | None:
        """The vocabulary's entry; for a function whose second operand is a number, that variant."""
        try:
            op = lookup(kind)
        except UnknownOp:
            known = [*similar(kind), *self.spec.blocks]
            hint = suggest(kind, known) or "`graphspec ops` lists them"
            self.fault("unknown-layer", f"no layer type {quoted(kind)}", (*at, "type"), hint)
            return None
        if not op.scalar or spec.args.get(op.scalar[0]) is None:
            return op
        number = spec.args[op.scalar[0]]
        with contextlib.suppress(ExpressionError, NeedsShape):  # said where the argument is closed
            number = scope.close(number)
        return op if isinstance(number, list | tuple) else op.scalar[1]

    def block(
        self, kind: str, spec: LayerSpec, scope: Frame, name: str, target: str, module: str, sources: Sources,
        gates: tuple[Gate, ...], place: Place, use: Use,
    ) -> None:  # fmt: skip
        """Write out one instance of a block."""
        block = self.spec.blocks[kind]
        self.used_blocks.add(kind)
        if kind in place.blocks:
            chain = " → ".join([*place.blocks[place.blocks.index(kind) :], kind])
            hint = "a block is written out in full; repeat = … chains copies"
            raise fail("recursion", f"block {quoted(kind)} uses itself: {chain}", (*use.at, "type"), hint)
        if len(place.blocks) >= DEEPEST:
            raise fail("too-deep", f"blocks are nested more than {DEEPEST} deep", use.at)
        for key in ("init", "tie"):
            if getattr(spec, key) is not None:
                self.fault("unknown-argument", f"a block takes no {quoted(key)}; give it to its layers", (*use.at, key))
        for key in spec.args:
            if key not in block.vars:
                hint = suggest(key, [*block.vars, *RESERVED]) or f"its variables: {', '.join(block.vars) or 'none'}"
                message = f"layer {quoted(use.local)}: block {quoted(kind)} has no variable {quoted(key)}"
                self.fault("unknown-argument", message, (*use.at, key), hint)
        inputs = self.block_inputs(kind, block, sources, use)
        if inputs is None:
            return
        given = {key: (value, scope) for key, value in spec.args.items()}
        freeze = place.freeze or self.closed(spec.freeze, scope, (*use.at, "freeze")) is True
        inside = place.inside(name, module, kind, gates, spec, freeze)
        self.aliases[target] = self.body(block, given, inputs, inside, ("blocks", kind, "outputs"))

    def block_inputs(self, kind: str, block: BlockSpec, sources: Sources, use: Use) -> dict[str, Ref] | None:
        """What each input of the block is given, None where that is not clear."""
        inputs: dict[str, Ref] = {}
        for key, source in sources.items():
            name = block.inputs[key] if isinstance(key, int) and key < len(block.inputs) else key
            if not isinstance(name, str) or name not in block.inputs or isinstance(source, tuple):
                takes = f"block {quoted(kind)} takes {', '.join(block.inputs)}"
                got = f"{len(sources)} inputs" if isinstance(key, int) else f"an input {quoted(key)}"
                hint = suggest(key, block.inputs) if isinstance(key, str) else ""
                self.fault("arity", f"layer {quoted(use.local)} gives {got}, but {takes}", (*use.at, "from"), hint)
                return None
            inputs[name] = source
        missing = [name for name in block.inputs if name not in inputs]
        if missing:
            message = f"layer {quoted(use.local)}: block {quoted(kind)} also needs the input {quoted(missing[0])}"
            self.fault("arity", message, (*use.at, "from"), 'name all with from = ["…", "…"]')
            return None
        return inputs

    def sources(self, spec: LayerSpec, scope: Frame, chained: bool, last: Ref | None, at: Path) -> Sources:
        """What the layer takes. In a chain of copies the first input is the previous copy."""
        where = (*at, "from")
        if spec.source is None:
            return {0: last} if last else {}
        found: dict[str | int, Ref | tuple[Ref, ...]] = {}
        table = spec.source if isinstance(spec.source, dict) else dict(enumerate(_listed(spec.source)))
        for key, names_ in table.items():
            place = where if isinstance(spec.source, str) else (*where, key)
            listed = isinstance(names_, tuple)
            refs = [
                self.reference(text, scope, (*place, n) if listed else place) for n, text in enumerate(_listed(names_))
            ]
            if None not in refs:
                found[key] = tuple(refs) if isinstance(names_, tuple) else refs[0]  # type: ignore[arg-type, assignment]
            self.count_wires(len(refs), where)
        if chained and last and found:
            found[next(iter(found))] = last
        return found

    def reference(self, text: str, scope: Frame, at: Path) -> Ref | None:
        """What a name in ``from`` or ``outputs`` means in `scope`."""
        closed = self.closed(text, scope, at)
        if not isinstance(closed, str):
            return None
        name, _, selector = closed.partition(".")
        if name not in scope.values:
            hint = suggest(name, scope.values)
            if not hint and len(scope.values) <= 10:
                hint = f"there are: {', '.join(scope.values)}"
            self.fault("unknown-reference", f"no layer or input {quoted(name)} here", at, hint)
            return None
        ref = scope.values[name]
        return Ref(ref.name, selector or ref.selector)

    def condition(self, spec: LayerSpec, scope: Frame, at: Path) -> bool | Gate:
        """Whether the layer exists, as far as that can be said without shapes."""
        if spec.condition is None:
            return True
        try:
            return bool(scope.close(spec.condition))
        except NeedsShape:
            return Gate(spec.condition, scope, (*at, "if"))
        except ExpressionError as error:
            self.add(error.diagnostic(spec.condition, (*at, "if")))
            return True

    def closed(self, value: Any, scope: Bindings, at: Path) -> Any:
        """`value` without expressions, None (and a fault) where it has no value or needs a shape."""
        try:
            return scope.close(value)
        except NeedsShape:
            self.fault("bad-expression", f"{quoted(value)} reads a shape, which only `if` and arguments can", at)
        except ExpressionError as error:
            self.add(error.diagnostic(value, at))
        return None

    def check_local_names(self, uses: list[Use], inputs: Mapping[str, Ref], place: Place) -> None:
        """Names of one body: not taken twice, not torch's own."""
        seen = {name.lower(): f"input {quoted(name)}" for name in inputs}
        for use in uses:
            other = seen.get(use.local.lower())
            if other:
                same = other.endswith(quoted(use.local))
                what = f"has the name of {'an input' if use.local in inputs else 'another layer'}"
                message = f"layer {quoted(use.local)} {what if same else f'differs from {other} in case only'}"
                self.fault("name-clash", message, use.at, "rename one of them")
            seen[use.local.lower()] = f"layer {quoted(use.local)}"
            for fault in check_layer_name(use.local, use.at):
                self.add(fault)

    def check_count(self, at: Path) -> None:
        """Stop at the limit; what an `if` leaves out takes its time all the same."""
        if len(self.nodes) >= self.most or self.calls > 2 * self.most:
            message = f"the network has more than {self.most:,} layers, counting those that an `if` may leave out"
            raise GraphspecError([*self.faults, Diagnostic("too-many-layers", message, at)])

    def count_wires(self, count: int, at: Path) -> None:
        """Stop where all layers together take very many values: each costs time, and copies of a line have them all."""
        self.wires += count
        if self.wires > WIRES_PER_LAYER * self.most:
            most = WIRES_PER_LAYER * self.most
            raise GraphspecError([*self.faults, Diagnostic("too-large", f"layers take more than {most:,} values", at)])

    def fault(self, code: Code, message: str, at: Path, hint: str = "") -> None:
        """Note one fault and go on, so that all of them come at once."""
        self.add(Diagnostic(code, message, at, hint))

    def add(self, fault: Diagnostic) -> None:
        """Note a fault, once however many copies of its line there are."""
        if fault not in self.known:
            self.known.add(fault)
            self.faults.append(fault)


@dataclasses.dataclass(frozen=True)
class Use:
    """One name that one line of a body defines: `copies` chained under it, or the `index`-th of several siblings."""

    local: str
    layer: LayerSpec
    at: Path
    copies: int | None
    index: int | None = None
    chained: bool = False


def _listed(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)
