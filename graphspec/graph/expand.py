"""Blocks and repeats written out: every layer by its full name, every reference by the full name of what it means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, fail, quoted, suggest
from graphspec.graph.counting import DEEPEST, check_size
from graphspec.graph.instance import Instance, Place, Use
from graphspec.graph.layers import Choice, Frame, Gate, Layer, Ref, Sources, references
from graphspec.graph.names import check_input_names, check_layer_name
from graphspec.graph.reading import Reader
from graphspec.spec.interpolation import Meter
from graphspec.spec.model import RESERVED, BlockSpec, LayerSpec, NetworkSpec
from graphspec.spec.names import fault_in
from graphspec.spec.parse import type_name
from graphspec.spec.scope import Bindings

#: What the output is called where no [outputs] says it.
DEFAULT_OUTPUT = "output"


class Expansion:
    """Collects the nodes of a network, and what the name of each block instance or pass-through stands for."""

    def __init__(self, spec: NetworkSpec, most_layers: int) -> None:
        self.spec = spec
        self.most = most_layers
        self.reader = Reader(spec, most_layers)
        self.nodes: dict[str, Layer | Choice] = {}
        #: full name of an instance → its outputs by name; the first is what the bare name means
        self.aliases: dict[str, dict[str, Ref]] = {}
        self.used_blocks: set[str] = set()
        self.calls = 0
        self.meter = Meter()
        #: what blocks see of the file's variables
        self.variables = Bindings(spec.variables, meter=self.meter)
        #: the line that made each module so far, and the scope of its arguments, for a `reuse` from another block
        self.made: dict[str, tuple[LayerSpec, Frame]] = {}

    def network(self) -> dict[str, Ref]:
        """Write the whole network out; the outputs' references, not yet followed through aliases."""
        spec = self.spec
        check_size(spec, self.most)
        for fault in check_input_names(spec.inputs):
            self.reader.add(fault)
        inputs = {name: Ref(name) for name in spec.inputs}
        return self.body(Place(spec, "", "", ("layers",)), {}, inputs, ("outputs",))

    def body(
        self, place: Place, given: Mapping[str, tuple[Any, Bindings]], inputs: Mapping[str, Ref], at: Path
    ) -> dict[str, Ref]:
        """Write out one body whose inputs are `inputs`; its outputs by name, which stand in the spec under `at`."""
        body = place.body
        values: dict[str, Ref] = dict(inputs)
        own, outer = (body.vars, self.variables) if place.blocks else (self.spec.variables, None)
        frame = Frame(own, given, outer, self.meter, values)
        uses = [use for key, layer in body.layers.items() for use in self.uses(key, layer, frame, place)]
        self.check_local_names(uses, inputs)
        values |= {use.local: Ref(place.prefix + use.local) for use in uses}
        last: Ref | None = next(iter(inputs.values())) if len(inputs) == 1 else None
        for use in uses:
            self.use(use, frame, last, place)
            last = values[use.local]
        if body.outputs is None:
            self.check_default_output(inputs, place)
            return {DEFAULT_OUTPUT: values[uses[-1].local]} if uses else {}
        found = {}
        for name, reference in body.outputs.items():
            ref = self.reader.reference(reference, frame, (*at, name))
            if ref:
                found[name] = ref
            if name in values and place.prefix == "" and (name in inputs or reference.partition(".")[0] != name):
                what = "an input" if name in inputs else "another layer"
                message = f"the output {quoted(name)} has the name of {what}"
                self.reader.fault("name-clash", message, (*at, name), "call it something else")
        return found

    def check_default_output(self, inputs: Mapping[str, Ref], place: Place) -> None:
        """A network without ``[outputs]`` has one, whose name no input may have: in files both are values."""
        if place.prefix == "" and DEFAULT_OUTPUT in inputs:
            message = f"the input {quoted(DEFAULT_OUTPUT)} has the name that the output has without [outputs]"
            hint = "rename it, or name the output: [outputs]"
            self.reader.fault("name-clash", message, ("inputs", DEFAULT_OUTPUT), hint)

    def check_local_names(self, uses: list[Use], inputs: Mapping[str, Ref]) -> None:
        """Names of one body: not taken twice, not torch's own."""
        seen = {name.lower(): ("input", name) for name in inputs}
        for use in uses:
            lowered = use.local.lower()
            if lowered in seen:
                kind, other = seen[lowered]
                what = f"has the name of {'an input' if use.local in inputs else 'another layer'}"
                differs = f"differs from {kind} {quoted(other)} in case only"
                message = f"layer {quoted(use.local)} {what if other == use.local else differs}"
                self.reader.fault("name-clash", message, use.at, "rename one of them")
            seen[lowered] = "layer", use.local
            if fault := check_layer_name(use.local, use.at):
                self.reader.add(fault)

    def uses(self, key: str, layer: LayerSpec, frame: Frame, place: Place) -> Iterator[Use]:
        """The layers that one line stands for: several where a repeated name has ``${i}`` in it."""
        at = (*place.at, key)
        count = layer.repeat and self.reader.closed(layer.repeat, frame, (*at, "repeat"))
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= self.most):
            shown = quoted(count) if isinstance(count, str) else str(count)
            self.reader.fault("bad-value", f'"repeat" is {shown}, not from 1 to {self.most}', (*at, "repeat"))
            return
        if "${" not in key:
            yield Use(key, layer, at, count)
            return
        for i in range(count or 1):
            name = self.reader.closed(key, frame.indexed(i), at)
            if name is not None:
                fault = fault_in(str(name), "layer", at)
                if fault:
                    self.reader.add(fault)
                    return
                yield Use(str(name), layer, at, None, i, i > 0)

    def use(self, use: Use, frame: Frame, last: Ref | None, place: Place) -> None:
        """Write out one use of one line: once, or `repeat` copies in a chain."""
        full, module = place.prefix + use.local, place.modules + use.local
        if use.copies is None:
            scope = frame if use.index is None else frame.indexed(use.index)
            self.call(Instance(use.layer, scope, full, module, use, place, last, use.chained))
            return
        for i in range(use.copies):
            scope, copy = frame.indexed(i), f"{full}.{i}"
            self.call(Instance(use.layer, scope, copy, f"{module}.{i}", use, place, last, i > 0))
            last = Ref(copy)
        self.aliases[full] = {"": Ref(f"{full}.{use.copies - 1}")}

    def call(self, instance: Instance) -> None:
        """Write out one layer or block, as far as its ``if`` lets it be."""
        self.calls += 1
        self.check_count(instance.at)
        condition, sources = self.reader.condition(instance), self.reader.sources(instance)
        if isinstance(condition, Gate):
            instance = dataclasses.replace(instance, gate=condition)
            if (first := next(iter(references(sources)), None)) is not None:
                passed = Choice(instance.name, condition, Ref(instance.target), first, instance.place.gates)
                self.nodes[instance.name] = passed
        elif not condition:
            self.left_out(instance, sources)
            return
        if instance.line.reuse is not None:
            instance = self.reused(instance)
        else:
            self.made[instance.module] = (instance.line, instance.scope)
        self.layer_or_block(instance, sources)

    def left_out(self, instance: Instance, sources: Sources) -> None:
        """Note what the name of a layer means that does not exist."""
        if (first := next(iter(references(sources)), None)) is not None:
            self.aliases[instance.name] = self.reader.passed_through(instance, sources, first)
            return
        passes = "an `if` passes the first input through, and there is none"
        self.reader.fault("arity", f"layer {quoted(instance.name)}: {passes}", instance.at)

    def layer_or_block(self, instance: Instance, sources: Sources) -> None:
        """Write out what the type of `instance` names."""
        line, at = instance.line, instance.at
        kind = self.reader.closed(line.type, instance.scope, (*at, "type"))
        if isinstance(kind, str) and kind in self.spec.blocks:
            self.block(kind, instance, sources)
        elif isinstance(kind, str):
            self.layer(kind, instance, sources)
        elif kind is not None:
            message = f"the type of layer {quoted(instance.name)} is {type_name(kind)}, not a name"
            self.reader.fault("wrong-type", message, (*at, "type"))
        elif line.type is None:
            self.reader.fault("missing-key", f"layer {quoted(instance.name)} has no type", at, 'add type = "…"')

    def reused(self, instance: Instance) -> Instance:
        """`instance` as the line that `reuse` names has it: the module it made, and the scope of its arguments.

        A path leads into blocks, from here or else from the whole network: to what an earlier line made.
        """
        line, scope, place = instance.line, instance.scope, instance.place
        name, at = line.reuse or "", (*instance.at, "reuse")
        original, module = place.body.layers.get(name), place.modules + name
        if line.type is not None or line.args:
            extra = "type" if line.type is not None else next(iter(line.args))
            hint = f"it is the same layer as {quoted(name)}; remove {extra}"
            message = f"a layer with `reuse` takes no {quoted(extra)}"
            self.reader.fault("unknown-argument", message, (*instance.at, extra), hint)
        if original is None:
            module = next((path for path in (module, name) if path in self.made), "")
            original, scope = self.made.get(module, (None, scope))
        if original is None:
            hint = suggest(name, place.body.layers)
            self.reader.fault("unknown-reference", f"no layer {quoted(name)} to reuse here", at, hint)
            identity = LayerSpec.model_validate({"type": "Identity"})
            return dataclasses.replace(instance, line=identity, module=instance.use.local)
        if original.reuse is not None or (original.repeat is not None and "." not in name):
            what = "reuses another itself" if original.reuse is not None else "is repeated"
            self.reader.fault("bad-value", f"{quoted(name)} {what}; reuse one single layer or block", at)
        # its parameters start, and are tied, where it stands
        original = original.model_copy(update={"init": None, "tie": None, "parametrize": None})
        return dataclasses.replace(instance, line=original, module=module, scope=scope)

    def layer(self, kind: str, instance: Instance, sources: Sources) -> None:
        """Enter one layer."""
        op = self.reader.op(kind, instance)
        if op is None:
            return
        line, name = instance.line, instance.target
        self.nodes[name] = Layer(
            name, instance.module, op, line.args, sources, instance.scope, instance.at, instance.gates, line.init,
            self.reader.frozen(instance), line.tie, line.keep or instance.place.keep, line.parametrize,
        )  # fmt: skip

    def block(self, kind: str, instance: Instance, sources: Sources) -> None:
        """Write out one instance of a block."""
        line, at, blocks = instance.line, instance.at, instance.place.blocks
        block = self.spec.blocks[kind]
        self.used_blocks.add(kind)
        if kind in blocks:
            chain = " → ".join([*blocks[blocks.index(kind) :], kind])
            hint = "a block is written out in full; repeat = … chains copies"
            raise fail("recursion", f"block {quoted(kind)} uses itself: {chain}", (*at, "type"), hint)
        if len(blocks) >= DEEPEST:
            raise fail("too-deep", f"blocks are nested more than {DEEPEST} deep", at)
        self.check_block_arguments(kind, block, instance)
        inputs = self.block_inputs(kind, block, sources, instance.use)
        if inputs is None:
            return
        given = {key: (value, instance.scope) for key, value in line.args.items()}
        inside = instance.inside(kind, block, self.reader.frozen(instance))
        self.aliases[instance.target] = self.body(inside, given, inputs, ("blocks", kind, "outputs"))

    def check_block_arguments(self, kind: str, block: BlockSpec, instance: Instance) -> None:
        """A block's variables, and nothing else, are set where it is used."""
        line, at = instance.line, instance.at
        for key in ("init", "tie", "parametrize"):
            if getattr(line, key) is not None:
                message = f"a block takes no {quoted(key)}; give it to its layers"
                self.reader.fault("unknown-argument", message, (*at, key))
        for key in line.args:
            if key not in block.vars:
                hint = suggest(key, [*block.vars, *RESERVED]) or f"its variables: {', '.join(block.vars) or 'none'}"
                message = f"layer {quoted(instance.use.local)}: block {quoted(kind)} has no variable {quoted(key)}"
                self.reader.fault("unknown-argument", message, (*at, key), hint)

    def block_inputs(self, kind: str, block: BlockSpec, sources: Sources, use: Use) -> dict[str, Ref] | None:
        """What each input of the block is given, None where that is not clear."""
        inputs: dict[str, Ref] = {}
        for key, source in sources.items():
            name = block.inputs[key] if isinstance(key, int) and key < len(block.inputs) else key
            if not isinstance(name, str) or name not in block.inputs or isinstance(source, tuple):
                takes = f"block {quoted(kind)} takes {', '.join(block.inputs)}"
                got = f"{len(sources)} inputs" if isinstance(key, int) else f"an input {quoted(key)}"
                hint = suggest(key, block.inputs) if isinstance(key, str) else ""
                message = f"layer {quoted(use.local)} gives {got}, but {takes}"
                self.reader.fault("arity", message, (*use.at, "from"), hint)
                return None
            inputs[name] = source
        missing = [name for name in block.inputs if name not in inputs]
        if missing:
            message = f"layer {quoted(use.local)}: block {quoted(kind)} also needs the input {quoted(missing[0])}"
            self.reader.fault("arity", message, (*use.at, "from"), 'name all with from = ["…", "…"]')
            return None
        return inputs

    def check_count(self, at: Path) -> None:
        """Stop at the limit; what an `if` leaves out takes its time all the same."""
        if len(self.nodes) >= self.most or self.calls > 2 * self.most:
            message = f"the network has more than {self.most:,} layers, counting those that an `if` may leave out"
            raise GraphspecError([*self.reader.faults, Diagnostic("too-many-layers", message, at)])
