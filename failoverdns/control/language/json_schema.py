"""Words for JSON Schema (draft 2020-12), which OpenAPI 3.1 uses: texts, numbers, objects, lists.

An object made here takes no other fields than those that are named, so that a reply with a field
that nobody described does not fit its schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Schema = dict[str, Any]
"""A JSON schema, as the JSON object that it is written as."""

TEXT: Final[Schema] = {"type": "string"}
INTEGER: Final[Schema] = {"type": "integer"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
NOTHING: Final[Schema] = {"type": "null"}


def one_of(words: Iterable[str]) -> Schema:
    """Return the schema of a text that is one of `words`."""
    return {"type": "string", "enum": [*words]}


def constant(value: str | bool) -> Schema:
    """Return the schema of one text, or one boolean."""
    return {"type": "boolean" if isinstance(value, bool) else "string", "const": value}


def nullable(schema: Schema) -> Schema:
    """Return the schema of what fits `schema`, or is null."""
    types = schema.get("type")
    if types is None or "const" in schema:
        return {"anyOf": [schema, NOTHING]}
    listed = [*(types if isinstance(types, list) else [types]), "null"]
    words = {"enum": [*dict.fromkeys([*schema["enum"], None])]} if "enum" in schema else {}
    return {**schema, "type": [*dict.fromkeys(listed)], **words}


def list_of(items: Schema) -> Schema:
    """Return the schema of a list of `items`."""
    return {"type": "array", "items": items}


def map_of(values: Schema) -> Schema:
    """Return the schema of an object with any names, all of whose values fit `values`."""
    return {"type": "object", "additionalProperties": values}


def record(fields: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with all of `fields` and perhaps `optional` ones only."""
    schema: Schema = {"type": "object", "properties": {**fields, **(optional or {})}}
    if fields:
        schema["required"] = [*fields]
    return {**schema, "additionalProperties": False}


def extended(
    schema: Schema, fields: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the schema of an object of `record` with more `fields`, and more `optional` ones.

    A field that it has already is replaced.
    """
    names = [*dict.fromkeys([*schema.get("required", ()), *fields])]
    properties = {**schema["properties"], **fields, **(optional or {})}
    return {**schema, "properties": properties, **({"required": names} if names else {})}


def named(name: str) -> Schema:
    """Return a reference to the schema `name` of an OpenAPI document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def described(schema: Schema, text: str) -> Schema:
    """Return a schema with a description."""
    return {**schema, "description": text}
