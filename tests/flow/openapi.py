"""Reads deploy/openapi.yaml, judges it, and judges real answers by it (python3-yaml,
python3-jsonschema)."""
import json

import jsonschema
import yaml

from harness import ROOT

FILE = ROOT / "deploy" / "openapi.yaml"
ROLES = {"broadcaster", "orchestrator", "transcoder"}
METHODS = ("get", "post")


def _object(needed, optional=(), **properties):
    found = {name: {} for name in (*needed, *optional)}
    found.update(properties)
    return {"type": "object", "additionalProperties": False, "required": list(needed),
            "properties": found}


def _map(of, **more):
    return {"type": "object", "additionalProperties": of, **more}


# The part of OpenAPI 3.1 that the file uses, and nothing beside it: a slip of the pen is an error.
_REFERENCE = _object(["$ref"])
_CONTENT = _map(_object(["schema"], schema={"type": "object"}), minProperties=1)
_RESPONSE = {"oneOf": [_REFERENCE, _object(["description"], content=_CONTENT)]}
_PARAMETER = _object(["name", "in", "schema"], ["description"], required={"type": "boolean"},
                     **{"in": {"const": "query"}})
_OPERATION = _object(
    ["operationId", "tags", "summary", "x-roles", "responses"], ["description", "security"],
    tags={"type": "array", "minItems": 1, "items": {"type": "string"}},
    parameters={"type": "array", "items": _PARAMETER},
    responses=_map(_RESPONSE, minProperties=1,
                   propertyNames={"pattern": "^([1-5][0-9][0-9]|default)$"}),
    **{"x-roles": {"type": "array", "minItems": 1, "uniqueItems": True,
                   "items": {"enum": sorted(ROLES)}}})
_FILE = _object(
    ["openapi", "info", "paths", "components"], ["security", "tags", "servers"],
    openapi={"const": "3.1.0"},
    info=_object(["title", "version"], ["summary", "description", "license"]),
    paths=_map(_object([], get=_OPERATION, post=_OPERATION), propertyNames={"pattern": "^/"}),
    components=_object([], ["securitySchemes"], responses=_map(_RESPONSE),
                       schemas=_map({"type": "object"})))


class OpenApi:
    def __init__(self, text=None):
        self.document = yaml.safe_load(text or FILE.read_text(encoding="utf-8"))

    def faults(self):
        """What is wrong with the file itself, in words."""
        found = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                 for e in jsonschema.Draft202012Validator(_FILE).iter_errors(self.document)]
        for place, node in _walk(self.document):
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                if self._find(node["$ref"]) is None:
                    found.append(f"{place}: {node['$ref']} leads nowhere")
        for name, schema in self.document["components"]["schemas"].items():
            try:
                jsonschema.Draft202012Validator.check_schema(schema)
            except jsonschema.SchemaError as e:
                found.append(f"schema {name}: {e.message}")
        ids = [o["operationId"] for _, _, o in self.operations()]
        found += [f"operationId {i} is there twice" for i in set(ids) if ids.count(i) > 1]
        tags = {t["name"] for t in self.document["tags"]}
        found += [f"tag {t} is not described" for _, _, o in self.operations() for t in o["tags"]
                  if t not in tags]
        used = {n["$ref"] for _, n in _walk(self.document)
                if isinstance(n, dict) and isinstance(n.get("$ref"), str)}
        for group in ("schemas", "responses"):
            found += [f"{group}/{name} is not used" for name in self.document["components"][group]
                      if f"#/components/{group}/{name}" not in used]
        return found

    def _find(self, reference):
        node = self.document
        for part in reference.lstrip("#/").split("/"):
            node = node.get(part) if isinstance(node, dict) else None
        return node

    def operations(self, role=None):
        """(method in capitals, path, operation) of each, or of each that the role has."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                operation = item.get(method)
                if operation and (role is None or role in operation["x-roles"]):
                    yield method.upper(), path, operation

    def judge(self, method, path, answer):
        """AssertionError when the answer is not what the file says."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        response = responses.get(str(answer.status), responses.get("default"))
        assert response, f"{method} {path}: status {answer.status} is not described"
        if "$ref" in response:
            response = self._find(response["$ref"])
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert kind in response["content"], f"{method} {path}: {answer.status} as {kind}"
        schema = dict(response["content"][kind]["schema"])
        schema["components"] = self.document["components"]  # where the references lead
        value = json.loads(answer.text) if kind == "application/json" else answer.text
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(value))
        words = [f"{list(e.absolute_path)}: {e.message}" for x in errors
                 for e in (x, *(x.context or ()))]
        assert not errors, f"{method} {path}: not as deploy/openapi.yaml has it:\n" + \
            "\n".join(words)


def _walk(node, place=""):
    yield place, node
    items = node.items() if isinstance(node, dict) else enumerate(node) \
        if isinstance(node, list) else ()
    for key, value in items:
        yield from _walk(value, f"{place}/{key}")
