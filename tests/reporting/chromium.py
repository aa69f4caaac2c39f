"""A page in headless Chromium, driven over its debugging protocol as a person would: clicks, files, keys."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

from graphspec.verifying.runtimes.needs import BROWSER


class Tab:
    """One page; ``requests`` are the addresses that it asked for beside its own."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.number, self.requests, self.errors = socket, 0, [], []

    async def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        await self.socket.write_message(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            found = json.loads(await asyncio.wait_for(self.socket.read_message(), 60))
            if found.get("method") == "Network.requestWillBeSent":
                self.requests.append(found["params"]["request"]["url"])
            if found.get("method") == "Runtime.exceptionThrown":
                self.errors.append(found["params"]["exceptionDetails"])
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    async def js(self, code: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        return found["result"].get("value")

    async def until(self, code: str, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while not (found := await self.js(code)):
            assert time.monotonic() < end, (code, await self.js("document.body.innerText.slice(0, 2000)"), self.errors)
            await asyncio.sleep(0.1)
        return found

    async def mouse(self, kind: str, x: float, y: float) -> None:
        await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    async def choose(self, selector: str, path: Path) -> None:
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    async def drop(self, path: Path, x: float, y: float) -> None:
        """Drag a file from outside into the page, and let it go there."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    async def press(self, name: str) -> None:
        await self.js(f"[...document.querySelectorAll('#entry button')].find(b => b.textContent === '{name}').click()")

    async def values(self) -> Any:
        """What the answer on the page was drawn from."""
        return json.loads(await self.js("document.getElementById('answer').dataset.values"))

    async def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode((await self.call("Page.captureScreenshot"))["data"]))


def visit(page: Path, profile: Path, doing: Any) -> Any:
    """What ``await doing(tab)`` gives on `page`, opened from the disk."""
    port_file = profile / "DevToolsActivePort"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        BROWSER.path or "chromium", "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
        "--disable-background-networking", "--window-size=1000,900", f"--user-data-dir={profile}", *root, "about:blank",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            end = time.monotonic() + 60
            while not port_file.is_file() or not port_file.read_text().strip():
                assert time.monotonic() < end
                time.sleep(0.1)
            port = port_file.read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                address = next(tab["webSocketDebuggerUrl"] for tab in json.load(answer) if tab["type"] == "page")
            return asyncio.run(_visit(address, page, doing))
        finally:
            browser.terminate()
            browser.wait(20)


async def _visit(address: str, page: Path, doing: Any) -> Any:
    socket = await websocket_connect(address, max_message_size=1 << 28)
    tab = Tab(socket)
    for domain in ("Page", "Runtime", "Network", "DOM"):
        await tab.call(f"{domain}.enable")
    await tab.call("Page.navigate", url=page.as_uri())
    return await doing(tab)
