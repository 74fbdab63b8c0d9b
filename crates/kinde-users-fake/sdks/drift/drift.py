"""Compares the Users operations of Kinde's newest SDKs with the description of this project.

    drift.py DESCRIPTION JAVASCRIPT

DESCRIPTION is the OpenAPI document of this project. A test of the core compares it with the table
`OPERATIONS`. JAVASCRIPT is the folder of the SDK for JavaScript. The SDK for Python is imported.

A fact is a line of text: an operation with its method and path, an argument of its query, a field
that it sends or receives, or a value of such a field. Each fact of an SDK that the description does
not have is printed, and the exit code is 1 then. Before that, the program removes a fact of each
kind from the description, and fails unless it finds each of them.
"""

import importlib
import inspect
import json
import pathlib
import re
import sys
import typing

import pydantic


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def camel(name):
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


# ---- The description ---------------------------------------------------------


def description_facts(document):
    """Returns the facts of an OpenAPI document."""

    def resolve(schema):
        while "$ref" in schema:
            found = document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema

    def fields(schema, place):
        schema = resolve(schema)
        for part in schema.get("allOf", []) + schema.get("oneOf", []) + schema.get("anyOf", []):
            yield from fields(part, place)
        yield from (f"{place} = {value}" for value in schema.get("enum", []) if isinstance(value, str))
        if isinstance(schema.get("const"), str):
            yield f"{place} = {schema['const']}"
        if "items" in schema:
            yield from fields(schema["items"], place)
        for name, inner in schema.get("properties", {}).items():
            inner_place = f"{place}.{name}"
            yield inner_place
            yield from fields(inner, inner_place)

    facts = set()
    for path, item in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in item.items():
            if method == "parameters":
                continue
            name = operation["operationId"]
            facts.add(f"{name}: {method.upper()} {path}")
            for parameter in map(resolve, operation.get("parameters", [])):
                if parameter["in"] == "query":
                    facts.add(f"{name}: query {parameter['name']}")
            for media in operation.get("requestBody", {}).get("content", {}).values():
                facts.update(fields(media["schema"], f"{name}: sends "))
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    for media in resolve(response).get("content", {}).values():
                        facts.update(fields(media["schema"], f"{name}: returns "))
    return facts


# ---- The SDK for Python ------------------------------------------------------


def python_facts():
    """Returns the facts of the SDK for Python, which is generated with a model for each type."""
    api = importlib.import_module("kinde_sdk.management.api.users_api").UsersApi
    models = importlib.import_module("kinde_sdk.management.models")

    def fields(kind, place):
        if typing.get_origin(kind) is not None:
            for inner in typing.get_args(kind):
                yield from fields(inner, place)
        elif inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel):
            for name, field in kind.model_fields.items():
                name = field.alias or name
                if name == "actual_instance" or name.startswith(("one_of", "any_of", "oneof_", "anyof_")):
                    continue
                yield f"{place}.{name}"
                yield from fields(field.annotation, f"{place}.{name}")
            source = inspect.getsource(kind)
            checks = re.findall(r"def (\w+)_validate_enum.*?set\(\[(.*?)\]\)", source, re.S)
            for name, values in checks:
                yield from (f"{place}.{name} = {value}" for value in re.findall(r"'([^']*)'", values))

    facts = set()
    for name, method in inspect.getmembers(api, inspect.isfunction):
        if name.startswith("_") or name.endswith(("_with_http_info", "_without_preload_content")):
            continue
        source = inspect.getsource(getattr(api, f"_{name}_serialize"))
        verb = re.search(r"method='(\w+)'", source)[1]
        path = re.search(r"resource_path='([^']+)'", source)[1]
        facts.add(f"{name}: {verb} {path}")
        facts.update(f"{name}: query {query}" for query in re.findall(r"_query_params\.append\(\('(\w+)'", source))
        hints = typing.get_type_hints(method)
        for argument, kind in hints.items():
            if argument != "return" and not argument.startswith("_") and f"_body_params = {argument}" in source:
                facts.update(fields(kind, f"{name}: sends "))
        reply = re.search(r"'20\d': \"(\w+)\"", inspect.getsource(method))
        if reply and hasattr(models, reply[1]):
            facts.update(fields(getattr(models, reply[1]), f"{name}: returns "))
    return facts


# ---- The SDK for JavaScript --------------------------------------------------


class Types:
    """Reads the declarations of types that TypeScript's generators write."""

    TOKEN = re.compile(r"\s+|/\*.*?\*/|//[^\n]*|([A-Za-z_$][\w$]*|\"[^\"]*\"|'[^']*'|-?\d+|=>|[^\s])", re.S)

    def __init__(self, text):
        self.declared = {}
        for match in re.finditer(r"export type (\w+) = (.*?);\n(?=export |$)", text, re.S):
            self.declared[match[1]] = match[2]

    def fields(self, text, place):
        """Yields the facts of a type below a place."""
        self.tokens = [token for token in self.TOKEN.findall(text) if token]
        self.at = 0
        found = []
        self.union(place, found)
        return found

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, token=None):
        if token is not None and self.peek() != token:
            raise ValueError(f"expected {token} and not {self.tokens[self.at:self.at + 8]}")
        self.at += 1
        return self.tokens[self.at - 1]

    def union(self, place, found):
        while True:
            if self.peek() in ("|", "&"):
                self.take()
            self.one(place, found)
            while self.peek() == "[":
                self.take()
                self.take("]")
            if self.peek() not in ("|", "&"):
                return

    def one(self, place, found):
        token = self.take()
        if token == "{":
            while self.peek() != "}":
                name = self.take()
                if name == "[":
                    # An index signature: any names.
                    while self.take() != "]":
                        pass
                    self.take(":")
                    self.union(place, [])
                else:
                    name = name.strip("'\"")
                    if self.peek() == "?":
                        self.take()
                    self.take(":")
                    found.append(f"{place}.{name}")
                    self.union(f"{place}.{name}", found)
                if self.peek() in (";", ","):
                    self.take()
            self.take("}")
        elif token == "(":
            self.union(place, found)
            self.take(")")
        elif token in ("Array", "ReadonlyArray"):
            self.take("<")
            self.union(place, found)
            self.take(">")
        elif token[0] in "\"'":
            found.append(f"{place} = {token[1:-1]}")
        elif token in self.declared:
            tokens, at = self.tokens, self.at
            found += self.fields(self.declared[token], place)
            self.tokens, self.at = tokens, at


def javascript_facts(folder):
    """Returns the facts of the SDK for JavaScript: its types, and the calls in its code."""
    dist = pathlib.Path(folder) / "dist"
    types = Types((dist / "api/types.gen.d.ts").read_text())
    declared = (dist / "api/sdk.gen.d.ts").read_text()
    users = re.search(r"export declare class Users \{(.*?)\n\}", declared, re.S)[1]
    code = (dist / "kinde-management-api-js.mjs").read_text()
    facts = set()
    for method in re.findall(r"static (\w+)\(", users):
        name = snake(method)
        call = re.search(r"static %s\(.*?\n\t\}" % method, code, re.S)[0]
        verb = re.search(r'method: "(\w+)"', call)[1]
        path = re.search(r'url: "([^"]+)"', call)[1]
        facts.add(f"{name}: {verb} {path}")
        query = re.search(r"query: \{(.*?)\}", call, re.S)
        if query:
            facts.update(f"{name}: query {query}" for query in re.findall(r"(\w+): ", query[1]))
        kind = method[0].upper() + method[1:]
        for fact in types.fields(types.declared.get(f"{kind}Data", "{}"), f"{name}: sends "):
            # Other members are arguments of the path and the query.
            if ".requestBody" in fact:
                facts.add(fact.replace(".requestBody", "", 1))
        facts.update(types.fields(types.declared.get(f"{kind}Response", "{}"), f"{name}: returns "))
    return {fact for fact in facts if not fact.endswith((": sends ", ": returns "))}


# ---- The comparison ----------------------------------------------------------


def main(description, javascript):
    described = description_facts(json.loads(pathlib.Path(description).read_text()))
    of_sdks = {"python": python_facts(), "javascript": javascript_facts(javascript)}

    def news(described):
        return [f"{sdk}: {fact}" for sdk, facts in of_sdks.items() for fact in sorted(facts - described)]

    # A check that finds nothing must be able to find something.
    for sdk, facts in of_sdks.items():
        shared = sorted(facts & described)
        for kind in (": GET ", ": query ", ": sends ", ": returns ", " = "):
            planted = next((fact for fact in shared if kind in fact), None)
            if f"{sdk}: {planted}" not in news(described - {planted}):
                sys.exit(f"failed: {sdk}: a missing fact with `{kind.strip()}` is not found: {planted}")
    found = news(described)
    for line in found:
        print(f"new: {line}")
    counts = ", ".join(f"{len(facts)} facts of {sdk}" for sdk, facts in of_sdks.items())
    print(f"{counts}; {len(described)} in the description; {len(found)} new")
    sys.exit(bool(found))


main(*sys.argv[1:])
