"""The page's text. Names are a stranger's: all are escaped, and a policy lets no script run but the page's own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from graphspec.diagnostics import printable
from graphspec.display.html import Part, page
from graphspec.reporting.live import Live
from graphspec.system.regular_file import read_regular

_SCRIPTS = [Path(__file__).with_name(name) for name in ("texts.js", "masks.js", "page.js")]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:64em;padding:0 1em;color:#222;background:#fff}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin:1.6em 0 .3em;border-bottom:1px solid #ddd}"
    "canvas{border:1px solid #888;image-rendering:pixelated;touch-action:none;background:#000}"
    "#try{display:flex;gap:2em;flex-wrap:wrap}#try textarea{width:30em;max-width:100%;height:5em}"
    "#answer{min-width:20em}#answer .bar{display:grid;grid-template-columns:9em 1fr 4.5em;gap:.6em;align-items:center}"
    "#answer .bar i{display:block;height:.8em;background:#48f}button,input{font:inherit;margin:.3em .4em .3em 0}"
    "#answer .first{font-size:1.4em;font-weight:600;margin:.2em 0}.cells{display:grid;gap:.3em 1.5em;"
    "grid-template-columns:repeat(auto-fill,minmax(16em,1fr))}.cells label{display:grid;grid-template-columns:8em 1fr;"
    "align-items:center}#entry{max-width:100%;flex:1 1 300px}#answer{flex:1 1 20em}"
    "input[type=number]{width:5em}#entry>label{white-space:nowrap;margin-right:1em}"
    "#answer .class{margin:.2em 0}#answer .class i{display:inline-block;width:1em;height:1em;margin-right:.5em;"
    "border:1px solid #888;vertical-align:-.15em}"
    ".drop{outline:3px dashed #48f}.faint{opacity:.7}.mistake{color:#b00}"
)


def assembled(name: str, sections: Iterable[tuple[str, list[Part]]], live: Live) -> str:
    """The whole file."""
    parts = [read_regular(path, most=1 << 20).decode() for path in _SCRIPTS] if live.files else []
    script = "\n".join(parts)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    scripts = f"'sha256-{own}' 'wasm-unsafe-eval' blob:" if script else "'none'"
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"
    )
    title = escape(printable(name))
    found = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1>",
        "<h2>Try it</h2>", _try(live),
    ]  # fmt: skip
    found += [f"<h2>{escape(heading)}</h2>{page('', parts)}" for heading, parts in sections]
    if script:
        found.append(f'<script type="application/json" id="described">{_json(live.described)}</script>')
        found += [f'<script type="text/plain" id="file-{key}">{text}</script>' for key, text in live.files.items()]
        found.append(f"<script>{script}</script>")
    return "\n".join(found) + "\n</html>\n"


def _try(live: Live) -> str:
    if not live.files:
        return f'<p id="without">No model runs in this page: {escape(printable(live.because))}.</p>'
    return '<div id="try"><div id="entry"></div><div id="answer" aria-live="polite">loading …</div></div>'


def _json(value: Any) -> str:
    """JSON in which nothing ends a script element or begins a comment."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
