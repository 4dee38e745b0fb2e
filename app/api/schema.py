"""The words in which the API describes its records (JSON Schema), and how plain values are written in them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from app.kernel import numbering
from app.kernel.choices import Choices

Schema = dict[str, Any]


def record(**properties: Schema) -> Schema:
    """An object with all of these, and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def code(choices: Choices) -> Schema:
    return {"type": "string", "enum": list(choices.codes)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
DAY: Schema = {"type": "string", "format": "date"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DECIMAL: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,2})?$", "examples": ["3", "2.5"]}
NAMED = record(id=WHOLE, name=TEXT)


def named(row: Any) -> dict[str, Any] | None:
    return None if row is None else {"id": row.id, "name": str(row)}


def decimal(hundredths: int | None) -> str | None:
    """Hundredths (of a credit, of a per cent) as decimal text."""
    return None if hundredths is None else numbering.decimal(hundredths)


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
