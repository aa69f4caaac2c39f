"""Parts in the form that networks take: rows of a table and texts become it by what the training part has taught."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from graphspec.data.checks import check_samples
from graphspec.data.parts import Parts
from graphspec.data.samples import Samples
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.source import Form, Source
from graphspec.data.text.encoding import TextEncoding, encoded
from graphspec.spec.base import Component


@dataclasses.dataclass(frozen=True, slots=True)
class FormedParts:
    """The ``parts`` as networks take them, the names of classes by target, and what brought the parts to that form."""

    parts: Parts
    labels: Mapping[str, tuple[str, ...]]
    form: Form | None = None
    text: TextEncoding | None = None

    @property
    def columns(self) -> Columns | None:
        """What the columns of a table are; None where there is no table."""
        return self.form.columns if self.form else None

    @property
    def first_rows(self) -> Mapping[str, Any]:
        """A few rows of the training part of a table as it has them."""
        return self.form.first_rows if self.form else {}

    @property
    def vocabulary(self) -> dict[str, int]:
        """How many ids an input has, by name: ``${vocabulary.NAME}``."""
        return {**(self.form.vocabulary if self.form else {}), **(self.text.vocabulary if self.text else {})}


def formed_parts(
    source: Source,
    parts: Parts,
    tokenizer: Component | None,
    ignored: frozenset[int],
    dtypes: Mapping[str, str],
) -> FormedParts:
    """From ``parts.train`` alone. Raises ``GraphspecError`` where the training part is not what `source` says."""
    form = source.learn(parts.train) if source.learn else None
    if form is not None:
        validation = parts.validation and form(parts.validation)
        parts = Parts(form(parts.train), validation, parts.test and _opened(form, parts.test))
        check_samples(parts.train, source.labels, "training", ignored)
    text = TextEncoding.learn(tokenizer, parts.train)
    if text is None:
        return FormedParts(parts, source.labels, form)
    parts = Parts(*encoded(text, parts.train, parts.validation, parts.test, dtypes))
    return FormedParts(parts, {**source.labels, **text.labels}, form, text)


def _opened(form: Form, test: Callable[[], Samples]) -> Callable[[], Samples]:
    return lambda: form(test())
