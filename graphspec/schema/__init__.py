"""The spec language as a JSON Schema (draft-07), from the live tables: what editors complete and check with."""

from graphspec.schema.document import json_schema

__all__ = ["json_schema"]
