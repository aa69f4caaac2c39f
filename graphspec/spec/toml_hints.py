"""What to write instead where TOML's parser stops: it knows where, and a person wrote Python, JSON or YAML there."""

from __future__ import annotations

import re

_CURLY = re.compile("[\u2018-\u201f\u2032\u2033]")
#: A layer as Python makes it, not as a spec names it.
_PYTHON_LAYER = re.compile(r"(?:(?:torch\.)?nn\.)?([A-Z][A-Za-z0-9]*)\s*\(|(?:torch\.)?nn\.([A-Z][A-Za-z0-9]*)")


def toml_hint(text: str, offset: int, cause: str, in_braces: bool) -> str:
    """For the parser's `cause` at `offset` of `text`; `in_braces`: an inline table is open there. "" for none."""
    if text.lstrip().startswith("{"):
        return "this looks like JSON; TOML was read because of the name"
    rest = text[offset:]
    if _CURLY.match(rest):
        return 'these are quotes of a word processor; write "…"'
    if in_braces and rest.strip() and rest.lstrip(" \t\r")[:1] in ("\n", "#"):
        return "a table in braces stands on one line; the same over several lines is [layers.NAME], an argument a line"
    if "expected '='" in cause:
        return _after_a_key(rest)
    if in_braces and cause.startswith("unclosed") and re.match(r"[\w\"']", rest):
        return "a comma stands between two arguments"
    if cause.startswith("expected newline"):
        return "each entry has a line of its own" if re.match(r",?\s*[A-Za-z_][\w-]*\s*=", rest) else ""
    return _for_a_value(rest) if cause == "invalid value" else ""


def _after_a_key(rest: str) -> str:
    if rest[:1] == ":":
        return "write = for :"
    return "a name with a blank in it stands in quotes" if re.match(r"[\w-]+\s*=", rest) else ""


def _for_a_value(rest: str) -> str:
    if layer := _PYTHON_LAYER.match(rest):
        name = layer[1] or layer[2]
        return f'write "{name}", or {{ type = "{name}", … }} with its arguments by name'
    if number := re.match(r"[+-]?(\.\d+)", rest):
        return f"write 0{number[1]}"
    if rest[:1] in ("(", "="):
        return "a list stands in [ ]" if rest[:1] == "(" else "one = is enough"
    word = re.match(r"[A-Za-z_]\w*", rest)
    if word and word[0] in ("True", "False"):
        return f"write {word[0].lower()}"
    if word and word[0] == "None":
        return "TOML has no null; leave the argument out"
    return f'text stands in quotes: "{word[0]}"' if word else ""
