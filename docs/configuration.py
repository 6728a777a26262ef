"""Writes docs/configuration.md from the classes that check a configuration.

.venv/bin/python docs/configuration.py
"""

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import timedelta
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from pipeline.config.experiment import Experiment
from pipeline.config.schema import Config

PAGE = Path(__file__).with_suffix(".md")
HEAD = """\
# Configuration

<!-- Written by docs/configuration.py. Edit the descriptions in the classes of the settings, and run it again. -->

Every key of a configuration file, with its type, its default and its meaning. Only `experiments` has no default.

- Without `--configfile` the shipped `config/config.yaml` is used, which holds the demos.
- `--configfile mine.yaml` names another file. It stands on its own: what it leaves out takes the defaults below, not
  the values of the shipped file.
- `--config clips_per_shard=32` changes single values of it.
- Relative paths start in the folder in which the command runs, and `~` is your home.
- An unknown key, a wrong type or a wrong value is an error of one line, which names the key.

The smallest file names a corpus:

```yaml
experiments:
  genre:
    corpus: {source: audio, root: data/gtzan}
```
"""
DEFAULTS = """\
## Defaults by corpus

An experiment that names no model and no recipe gets these:

{}
"""
PUBLISHED = """\
### Training by model

Each network starts from its published training. These are the keys in which networks differ:

{}
"""
RANGES = """\
A range is `[low, high]`, from which each recording draws once; a single number is a fixed value.
"""

Node = dict[str, Any]
SCHEMA: Node = Config.model_json_schema()


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD, DEFAULTS.format(defaults_by_corpus())]
    for path, options in sections(SCHEMA, "", set()):
        parts.append(f"## `{path}`\n" if path else "## Top level\n")
        for node in options:
            if len(options) > 1:
                parts.append(f"### {heading(node)}\n")
            if intro := node.get("description", "").split("\n\n")[0]:
                parts.append(f"{intro}\n")
            parts += [RANGES] * path.endswith(".variants")
            if rows := list(keys(node, path)):
                parts.append(f"{table(['key', 'type', 'default', 'meaning'], rows)}\n")
        if path.endswith(".training"):
            parts.append(PUBLISHED.format(training_by_model()))
    return "\n".join(parts)


def missing() -> list[str]:
    """Return the keys without a description, as `class.key`."""
    return [
        f"{node['title']}.{key}"
        for _, options in sections(SCHEMA, "", set())
        for node in options
        for key, _ in properties(node)
        if not description(node, key)
    ]


def sections(node: Node, path: str, seen: set[str]) -> Iterator[tuple[str, list[Node]]]:
    """Give each section below a node with its path and its alternatives, depth first."""
    options = alternatives(node)
    if options:
        yield path, options
    for option in options:
        for key, value in properties(option):
            inner, below = inside(value, f"{path}.{key}".lstrip("."))
            if inner is not None and below not in seen and alternatives(inner):
                seen.add(below)
                yield from sections(inner, below, seen)


def inside(node: Node, path: str) -> tuple[Node | None, str]:
    """Return the node of the sections that a value holds, if it does, and their path."""
    if isinstance(more := node.get("additionalProperties"), dict):
        return more, f"{path}.<{'setting' if path.endswith('space') else 'name'}>"
    return node, path


def properties(node: Node) -> list[tuple[str, Node]]:
    """Return the keys of a section: first those that its own class adds, and not the one that chooses the section."""
    own = vars(CLASSES[node["title"]]).get("__annotations__", {})
    values = [(key, value) for key, value in node["properties"].items() if "const" not in value]
    return sorted(values, key=lambda item: item[0] not in own)


def alternatives(node: Node) -> list[Node]:
    """Return the sections that may stand at a node."""
    if "$ref" in node:
        return alternatives(SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]])
    if options := node.get("oneOf", node.get("anyOf")):
        return [section for option in options for section in alternatives(option)]
    return [node] if "properties" in node else []


def heading(node: Node) -> str:
    """Return the key that chooses an alternative, with its value."""
    (key, value) = next((key, value["const"]) for key, value in node["properties"].items() if "const" in value)
    return f"`{key}: {value}`"


def keys(node: Node, path: str) -> Iterator[list[str]]:
    """Give a row of the table for each key of a section."""
    for key, value in properties(node):
        inner, below = inside(value, f"{path}.{key}".lstrip("."))
        given = key not in node.get("required", ())
        if inner is not None and alternatives(inner):
            kind = f"[{'section' if inner is value else 'sections by name'}](#{slug(below)})"
            if any(option.get("type") == "null" for option in value.get("anyOf", [])):
                kind += " or null"
            default = yaml_text(None) if given and value.get("default", "") is None else "see there"
        else:
            kind = type_of(value)
            default = yaml_text(default_of(node, key)) if given else filled_in(node, key)
        yield [f"`{key}`", kind, default, description(node, key)]


def type_of(node: Node) -> str:
    """Return the type of a value in words."""
    if "$ref" in node:
        return type_of(SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]])
    if options := node.get("anyOf"):
        return " or ".join(type_of(option) for option in options)
    if values := node.get("enum", [node["const"]] if "const" in node else None):
        return " or ".join(f"`{value}`" for value in values)
    match node.get("type"):
        case "array" if "prefixItems" in node:
            return f"[{', '.join(type_of(item) for item in node['prefixItems'])}]"
        case "array":
            return f"list of {type_of(node.get('items', {}))}"
        case "object":
            return f"mapping of {type_of(node.get('additionalProperties', {}))}"
        case "string":
            return {"path": "path", "duration": "duration"}.get(node.get("format", ""), "text")
        case None:
            return "any value"
        case name:
            return f"{name}{limits(node)}"


def limits(node: Node) -> str:
    """Return the bounds of a number, as ` > 0`."""
    words = {
        "exclusiveMinimum": ">",
        "minimum": "≥",
        "exclusiveMaximum": "<",
        "maximum": "≤",
        "multipleOf": "in steps of",
    }
    bounds = [f" {word} {str(node[name]).removesuffix('.0')}" for name, word in words.items() if name in node]
    return " and".join(bounds)


def yaml_text(value: Any) -> str:
    """Return a value as YAML writes it."""
    text = yaml.safe_dump(to_jsonable_python(value), default_flow_style=True, sort_keys=False, width=1000)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def default_of(node: Node, key: str) -> Any:
    """Return the default of a key; the schema lacks those that a function makes, and has times in an odd form."""
    value = node["properties"][key]
    if "default" in value and value.get("format") != "duration":
        return value["default"]
    default = CLASSES[node["title"]].model_fields[key].get_default(call_default_factory=True)
    return f"{default!s:0>8}" if isinstance(default, timedelta) else default


def filled_in(node: Node, key: str) -> str:
    """Return the value of a key that the schema demands, if another key's default brings it along."""
    if node["title"] in (known := minimal_models()):
        return yaml_text(getattr(known[node["title"]], key))
    return "by the model" if node["title"] == "Experiment" else "required"


def description(node: Node, key: str) -> str:
    """Return the text below a field, or else that of the parameter in the docstring of its class, or of a section."""
    value = node["properties"][key]
    text = value.get("description") or parameters(CLASSES[node["title"]]).get(key, "")
    if not text and len(options := alternatives(value)) == 1:
        text = options[0].get("description", "").split("\n\n")[0]
    return re.sub(r"\s+", " ", text).strip().replace("|", r"\|")


def parameters(kind: type) -> dict[str, str]:
    """Return the descriptions of the parameters that a class and its bases document."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        text = cleandoc(base.__dict__.get("__doc__") or "")
        _, _, section = text.partition("Parameters\n----------\n")
        for names, meaning in re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?\n((?:(?: {4}.*)?\n?)+)", section, re.MULTILINE):
            texts |= dict.fromkeys(names.split(", "), meaning)
    return texts


def classes_in(annotation: Any, known: dict[str, type]) -> dict[str, type]:
    """Add the classes of sections that an annotation names, and those that they hold."""
    for part in get_args(annotation):
        classes_in(part, known)
    section = isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation))
    if section and annotation.__name__ not in known:
        known[annotation.__name__] = annotation
        for part in get_type_hints(annotation, include_extras=True).values():
            classes_in(part, known)
    return known


CLASSES = classes_in(Config, {})


def minimal_models() -> dict[str, BaseModel]:
    """Return the settings of each network of which a configuration gives the name alone, by their class."""
    names = [
        option["properties"]["name"]["const"]
        for option in alternatives(SCHEMA["$defs"]["Experiment"]["properties"]["model"])
    ]
    models = [Experiment.model_validate({"model": name}).model for name in names]
    return {type(model).__name__: model for model in models}


def minimal_corpora() -> Iterator[Node]:
    """Give a corpus of each source, and each demo, with as few keys as may be."""
    for option in alternatives(SCHEMA["$defs"]["Experiment"]["properties"]["corpus"]):
        properties = option["properties"]
        corpus = {"source": properties["source"]["const"]} | dict.fromkeys(option.get("required", ()), "data")
        names = properties.get("name", {}).get("enum", [])
        yield from [{**corpus, "name": name} for name in names] or [corpus]


def defaults_by_corpus() -> str:
    rows = []
    for corpus in minimal_corpora():
        experiment = Experiment.model_validate({"corpus": corpus})
        title = yaml_text({key: value for key, value in corpus.items() if value != "data"})
        rows.append([title, f"`{experiment.model.name}`", f"`{experiment.recipe}`"])
    return table(["corpus", "model", "recipe"], rows)


def training_by_model() -> str:
    """Return a table of the settings in which the published trainings differ."""
    trainings = {}
    for model in minimal_models().values():
        training = Experiment.model_validate({"model": model.name}).training.model_dump()
        augment = training.pop("augment")
        trainings[model.name] = training | {f"augment.{key}": value for key, value in augment.items()}
    every = list(trainings.values())
    differing = [key for key in every[0] if len({str(training[key]) for training in every}) > 1]
    rows = [[f"`{name}`", *(yaml_text(one[key]) for key in differing)] for name, one in trainings.items()]
    return table(["", *(f"`{key}`" for key in differing)], rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def slug(path: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w-]", "", path.lower())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for key in missing():
        print(f"{key}: no description")
