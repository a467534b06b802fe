"""Who may do what in an account made from a CloudFormation template: IAM's rules, as far as the template uses them.

An explicit deny of any policy wins; else one allow is needed; a condition on an absent key does not hold. What is not
known here (an operator, a function) is an error, never a guess.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Region": "eu-central-1", "AWS::Partition": "aws"}
DEFAULTS = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions: !Ref x is {"Ref": x}, !Sub x is {"Fn::Sub": x}."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


class Account:
    """A template with its functions resolved for these parameters; resources by their logical name."""

    def __init__(self, path: Path, **parameters: str) -> None:
        self._template = yaml.load(path.read_text(), _Loader)
        stated = {k: v["Default"] for k, v in self._template["Parameters"].items() if "Default" in v}
        self._values = PSEUDO | stated | parameters
        self.conditions = {k: self._condition(v) for k, v in self._template["Conditions"].items()}
        self.resources = {
            name: self._resolve(resource)
            for name, resource in self._template["Resources"].items()
            if self.conditions.get(resource.get("Condition", ""), True)
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: r for name, r in self.resources.items() if r["Type"] == kind}

    def arn(self, bucket: str, key: str = "") -> str:
        return f"arn:aws:s3:::{bucket.lower()}" + (f"/{key}" if key else "")

    def may(self, role: str, action: str, resource: str, **context: str) -> bool:
        """context: condition keys, `:` and `-` written as `_` are not changed; pass them by ** from a dict."""
        own = [p["PolicyDocument"] for p in self.resources[role]["Properties"].get("Policies", [])]
        of_bucket = [
            r["Properties"]["PolicyDocument"]
            for r in self.of_type("AWS::S3::BucketPolicy").values()
            if resource.split("/")[0] == self.arn(r["Properties"]["Bucket"])
        ]
        statements = [s for document in (*own, *of_bucket) for s in _many(document["Statement"])]
        return _decide(statements, action, resource, DEFAULTS | context)

    def may_assume(self, role: str, principal: str, action: str, **context: str) -> bool:
        """principal: a service's name, or the ARN of an identity provider."""
        trusted = _many(self.resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"])
        mine = [s for s in trusted if any(principal in _many(p) for p in s["Principal"].values())]
        return _decide([s | {"Resource": "*"} for s in mine], action, "*", context)

    def _condition(self, test: dict[str, Any]) -> bool:
        left, right = (self._resolve(side) for side in test["Fn::Equals"])
        return bool(left == right)

    def _resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, value),) = node.items()
            if name in _FUNCTIONS:
                return getattr(self, _FUNCTIONS[name])(value)
            assert not name.startswith("Fn::"), f"{name} is not known here"
        return {name: self._resolve(value) for name, value in node.items()}

    def _ref(self, name: str) -> Any:
        return self._values[name] if name in self._values else self._physical(name)

    def _attribute(self, path: list[str]) -> str:
        assert path[1] == "Arn", path
        kind = self._template["Resources"][path[0]]["Type"]
        return self.arn(path[0]) if kind == "AWS::S3::Bucket" else f"arn:aws:iam::123456789012:{path[0]}"

    def _substitute(self, text: str) -> str:
        def one(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            return str(self._attribute(name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def _if(self, value: list[Any]) -> Any:
        return self._resolve(value[1] if self.conditions[value[0]] else value[2])

    def _physical(self, name: str) -> str:
        assert name in self._template["Resources"], f"nothing is called {name}"
        return name.lower() if self._template["Resources"][name]["Type"] == "AWS::S3::Bucket" else name


_FUNCTIONS = {"Ref": "_ref", "Fn::GetAtt": "_attribute", "Fn::Sub": "_substitute", "Fn::If": "_if"}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _decide(statements: list[dict[str, Any]], action: str, resource: str, context: dict[str, str]) -> bool:
    matching = [s["Effect"] for s in statements if _matches(s, action, resource, context)]
    return "Allow" in matching and "Deny" not in matching


def _matches(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    if set(statement) - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}:
        raise AssertionError(f"not known here: {sorted(statement)}")
    actions = any(fnmatchcase(action.lower(), a.lower()) for a in _many(statement["Action"]))
    resources = any(fnmatchcase(resource, _filled(r, context)) for r in _many(statement["Resource"]))
    return actions and resources and _holds(statement.get("Condition", {}), context)


def _filled(pattern: str, context: dict[str, str]) -> str:
    """Policy variables by their values; one without a value matches nothing."""
    return re.sub(r"\$\{([^}]+)\}", lambda m: context.get(m.group(1), "\0"), pattern)


def _holds(conditions: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    return all(
        _OPERATORS[operator](context.get(key), [str(v) for v in _many(values)])
        for operator, wanted in conditions.items()
        for key, values in wanted.items()
    )


_OPERATORS = {
    "StringEquals": lambda got, values: got in values,
    "StringLike": lambda got, values: got is not None and any(fnmatchcase(got, v) for v in values),
    "Bool": lambda got, values: got in values,
    "NumericLessThan": lambda got, values: got is not None and any(float(got) < float(v) for v in values),
    "Null": lambda got, values: str(got is None).lower() in values,
}
