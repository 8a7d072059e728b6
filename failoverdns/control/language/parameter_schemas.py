"""JSON schemas of parameters: what a client may send for each of them.

The form of a text is found by the function that parses it.  A schema may be wider than what the
server takes, never narrower, except for the name of a zone, which has to be one that exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from failoverdns.control.language import token_values, values
from failoverdns.control.language.json_schema import Schema, nullable
from failoverdns.control.language.records import MAX_RECORD, record_text
from failoverdns.control.language.requests import MAX_ID, MAX_OP_ID, MAX_VALUES
from failoverdns.control.language.rows import CommandRow, JsonType, Parameter

_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_LABEL_PATTERN: Final = "[A-Za-z0-9_*?-]{1,63}"
_CONFIGURED: Final = "[A-Za-z0-9._-]{1,64}"
_GROUP: Final = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
_GROUP_PATTERN: Final = "[A-Za-z0-9._*?-]{1,128}"
_PRINTABLE: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"


def _matching(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


_TEXT: Final[Schema] = {"type": "string", "maxLength": values.MAX_TEXT, "pattern": _PRINTABLE}
_PEM: Final[Schema] = {
    "type": "string",
    "maxLength": values.MAX_PEM,
    "pattern": "-----BEGIN ",
    "contentMediaType": "application/pem-certificate-chain",
}

FORMS: Final[Mapping[object, Schema]] = {
    values.text: _TEXT,
    values.pem: _PEM,
    values.secret: {**_PEM, "format": "password", "writeOnly": True},
    values.certificate_name: {
        **_matching(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?"),
        "maxLength": 255,
    },
    values.application: _matching(_LABEL),
    values.application_or_nothing: _matching(f"(?:{_LABEL})?"),
    values.head: _matching(_LABEL),
    values.label: _matching(f"@|{_LABEL}"),
    values.group: _matching(_GROUP),
    values.zone: {**_matching(rf"{_LABEL}(?:\.{_LABEL})*\.?"), "maxLength": 255},
    values.address: {
        "type": "string",
        "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
    },
    values.sha256: _matching("[0-9A-Fa-f]{64}"),
    values.time: {"type": "string", "format": "date-time"},
    values.configured_name: _matching(_CONFIGURED),
    values.configured_name_or_nothing: _matching(f"(?:{_CONFIGURED})?"),
    values.flag_name: _matching(_CONFIGURED),
    values.quorum: {
        "anyOf": [
            {"type": "string", "enum": ["any", "all"]},
            _matching("0*[1-9][0-9]{0,3}"),
            {"type": "integer", "minimum": 1, "maximum": values.MAX_QUORUM},
        ]
    },
    values.exact_target: _matching(f"{_LABEL}(?:/{_LABEL})?"),
    values.health_target: _matching(f"{_LABEL_PATTERN}(?:/{_LABEL_PATTERN})?"),
    token_values.token_name: _matching(_CONFIGURED),
    token_values.head_target: _matching(f"{_LABEL}/{_LABEL}"),
    values.group_pattern: _matching(_GROUP_PATTERN),
    token_values.expiry: {**_TEXT, "examples": ["90d", "2027-03-01T02:00:00Z"]},
    record_text: {"type": "string", "maxLength": MAX_RECORD},
}
"""The form of each text that is not a word of `choices`, by the function that parses it."""


def value_schema(parameter: Parameter[Any]) -> Schema:
    """Return the schema of a parameter's value; of one item, if it is repeated."""
    schema: Schema = {"type": parameter.type.value}
    if parameter.choices:
        return {**schema, "enum": [*parameter.choices]}
    if parameter.type is JsonType.STRING:
        return {**FORMS.get(parameter.parse, schema)}
    if parameter.minimum is not None:
        schema["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        schema["maximum"] = parameter.maximum
    return schema


def parameter_schema(parameter: Parameter[Any]) -> Schema:
    """Return the schema of a parameter, a list of values if it is repeated, without its help."""
    schema = value_schema(parameter)
    if not parameter.repeated:
        return schema
    least = {"minItems": 1} if parameter.required else {}
    return {"type": "array", "items": schema, **least, "maxItems": MAX_VALUES}


ID: Final[Schema] = {
    "description": "returned in the reply",
    "type": ["string", "number", "null"],
    "maxLength": MAX_ID,
}
OP_ID: Final[Schema] = {
    "description": "makes a retry safe: the command is carried out once, and its reply is repeated",
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": MAX_OP_ID,
    "pattern": _PRINTABLE,
}


def request_schema(row: CommandRow) -> Schema:
    """Return the schema of the JSON object by which a command is given.

    A parameter that is not required may be null, which is the same as leaving it out.
    """
    properties: Schema = {"command": {"type": ["string", "null"], "enum": [row.words, None]}}
    sent = [parameter for parameter in row.parameters if not parameter.local]
    for parameter in sent:
        schema = parameter_schema(parameter)
        schema = schema if parameter.required else nullable(schema)
        properties[parameter.name] = {"description": parameter.help, **schema}
    properties |= {"id": ID, "op_id": OP_ID}
    required = [parameter.name for parameter in sent if parameter.required]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }
