"""The official schemas that ship with Pratique, and the check of a document against them."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from pratique.model.errors import PratiqueError

_CYCLONEDX, _SPDX, _OPENVEX = "bom-1.6.schema.json", "spdx-2.3.schema.json", "openvex-0.2.0.schema.json"


def check_cyclonedx(document: bytes) -> bytes:
    """Return a CycloneDX 1.6 document that its schema allows.

    Raises:
        PratiqueError: the schema refuses it, which is a fault of ours.
    """
    return _checked(document, _CYCLONEDX)


def check_spdx(document: bytes) -> bytes:
    """Return an SPDX 2.3 document that its schema allows.

    Raises:
        PratiqueError: the schema refuses it, which is a fault of ours.
    """
    return _checked(document, _SPDX)


def check_openvex(document: bytes) -> bytes:
    """Return an OpenVEX 0.2.0 document that its schema allows.

    Raises:
        PratiqueError: the schema refuses it, which is a fault of ours.
    """
    return _checked(document, _OPENVEX)


def _checked(document: bytes, schema: str) -> bytes:
    for error in validator(schema).iter_errors(json.loads(document)):
        raise PratiqueError(
            f"the document breaks its schema: {error.message[:300]}",
            place=f"{schema}: /{'/'.join(str(p) for p in error.instance_path)}",
            remedy="This is a fault of Pratique: report it with the image that shows it",
        )
    return document


@cache
def validator(schema: str) -> Any:
    """Return the validator of an official schema; what it refers to comes from beside it, never from a network."""
    loaded = {name: _load(name) for name in ("spdx.schema.json", "jsf-0.82.schema.json")}
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}", text) for name, text in loaded.items()]
    )
    kind = jsonschema_rs.Draft202012Validator if schema == _OPENVEX else jsonschema_rs.Draft7Validator
    return kind(_load(schema), registry=registry, validate_formats=True)


def _load(name: str) -> Any:
    return json.loads(files("pratique.formats").joinpath("schemas", "official", name).read_bytes())
