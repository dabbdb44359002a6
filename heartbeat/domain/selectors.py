"""What `select` of a gate names: a place in JSON, or elements of a page. Pure.

A pointer begins with `/` (RFC 6901); anything else is a CSS selector. Of CSS it takes what can be told of an element
when it begins, so that a page is read once from its first byte to its last, whatever a selector asks: tags, ids,
classes, attributes, the place among the siblings, `:not`, `:is`, and the four combinators. cssselect parses it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cssselect import SelectorError, parse
from cssselect.parser import (
    Attrib,
    Class,
    CombinedSelector,
    Element,
    Function,
    Hash,
    Matching,
    Negation,
    Pseudo,
    Selector,
    SpecificityAdjustment,
    Tree,
    parse_series,
)

ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
# Of all selectors of a list together: the time that a page takes is multiplied by it.
MAX_COMPOUNDS = 30
BAD_ESCAPE = re.compile(r"~(?![01])")


@dataclass(frozen=True)
class PageElement:
    """An element of a page as it begins. `number` counts it among its siblings, `number_of_type` among those alike."""

    tag: str
    attributes: Mapping[str, str]
    number: int
    number_of_type: int

    @cached_property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


Test = Callable[[PageElement], bool]


@dataclass(frozen=True)
class Compound:
    """What one element of a selector has to be, and how it stands to the one before it.

    `combinator` is a space, `>`, `+` or `~`; `None` in front.
    """

    combinator: str | None
    tests: tuple[Test, ...]

    def fits(self, element: PageElement) -> bool:
        return all(test(element) for test in self.tests)


def is_pointer(select: str) -> bool:
    return select.startswith("/")


def require_selectable(select: str) -> str:
    """Return `select` without the spaces around it. Raises `ValueError` if it is neither pointer nor selector."""
    select = select.strip()
    if is_pointer(select):
        pointer_parts(select)
    else:
        css_selectors(select)
    return select


def pointer_parts(pointer: str) -> list[str]:
    """Return the keys that a JSON pointer goes along. Raises `ValueError`."""
    if BAD_ESCAPE.search(pointer):
        raise ValueError("is no JSON pointer: in one, ~ is written ~0 and / in a name ~1")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def pointed(document: Any, pointer: str) -> Any:
    """Return the value at a place in JSON. Raises `LookupError` with the part of the pointer that leads nowhere."""
    value = document
    for part in pointer_parts(pointer):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and ARRAY_INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise LookupError(part)
    return value


def css_selectors(text: str) -> list[tuple[Compound, ...]]:
    """Parse a list of CSS selectors, each from its outermost element to the one it names. Raises `ValueError`."""
    try:
        selectors = [_compounds(selector) for selector in parse(text)]
    except SelectorError as problem:
        raise ValueError(f"is no CSS selector: {problem}") from None
    if sum(map(len, selectors)) > MAX_COMPOUNDS:
        raise ValueError(f"may describe {MAX_COMPOUNDS} elements at most")
    return selectors


def _compounds(selector: Selector) -> tuple[Compound, ...]:
    if selector.pseudo_element is not None:
        raise ValueError(f"cannot be read: ::{selector.pseudo_element} names no element")
    compounds, tree = [], selector.parsed_tree
    while isinstance(tree, CombinedSelector):
        compounds.append(Compound(tree.combinator, _tests(tree.subselector)))
        tree = tree.selector
    return (Compound(None, _tests(tree)), *reversed(compounds))


def _tests(tree: Tree) -> tuple[Test, ...]:
    """Read the tests of one element, its tag first."""
    if isinstance(tree, Element):
        return (_tag_test(tree),) if tree.element else ()
    if isinstance(tree, CombinedSelector):
        raise ValueError("cannot be read: :not and :is take the description of one element")
    return (*_tests(tree.selector), _test(tree))


def _tag_test(tree: Element) -> Test:
    tag = str(tree.element).lower()
    return lambda element: element.tag == tag


def _test(tree: Tree) -> Test:
    match tree:
        case Hash():
            return lambda element: element.attributes.get("id") == tree.id
        case Class():
            return lambda element: tree.class_name in element.classes
        case Attrib():
            return _attribute_test(tree)
        case Negation():
            unwanted = _tests(tree.subselector)
            return lambda element: not all(test(element) for test in unwanted)
        case Matching() | SpecificityAdjustment():
            choices = [_tests(choice) for choice in tree.selector_list]
            return lambda element: any(all(test(element) for test in choice) for choice in choices)
        case Pseudo() | Function():
            return _place_test(tree)
    raise ValueError(f"cannot be read: {tree.canonical()} looks at what comes later on the page")


def _place_test(tree: Pseudo | Function) -> Test:
    if isinstance(tree, Pseudo):
        name, step, first = tree.ident.replace("first", "nth"), 0, 1
    else:
        name, (step, first) = tree.name, _series(tree)
    if name == "nth-child":
        return lambda element: _in_series(element.number, step, first)
    if name == "nth-of-type":
        return lambda element: _in_series(element.number_of_type, step, first)
    raise ValueError(f"cannot be read: {tree.canonical()} is not among what a gate can select by")


def _series(tree: Function) -> tuple[int, int]:
    try:
        return parse_series(tree.arguments)
    except ValueError:
        raise ValueError(f"is no CSS selector: {tree.canonical()} does not count") from None


def _in_series(number: int, step: int, first: int) -> bool:
    ahead = number - first
    return ahead == 0 if step == 0 else ahead % step == 0 and ahead // step >= 0


VALUE_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "~=": lambda value, wanted: wanted in value.split(),
    "|=": lambda value, wanted: value == wanted or value.startswith(f"{wanted}-"),
    "^=": lambda value, wanted: wanted != "" and value.startswith(wanted),
    "$=": lambda value, wanted: wanted != "" and value.endswith(wanted),
    "*=": lambda value, wanted: wanted != "" and wanted in value,
}


def _attribute_test(tree: Attrib) -> Test:
    name = tree.attrib.lower()
    if tree.value is None:
        return lambda element: name in element.attributes
    operates, wanted, any_case = VALUE_TESTS[tree.operator], tree.value.value or "", tree.flag == "i"
    if any_case:
        return lambda element: name in element.attributes and operates(element.attributes[name].lower(), wanted.lower())
    return lambda element: name in element.attributes and operates(element.attributes[name], wanted)
