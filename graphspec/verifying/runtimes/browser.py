"""onnxruntime-web: the ONNX file in headless Chromium, on a page that a server on this machine's loopback gives it."""

from __future__ import annotations

import http.server
import os
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphspec.system.scratch import ScratchFolder
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.needs import BROWSER, HERE, ORT_WEB
from graphspec.verifying.runtimes.node import read_outputs, write_inputs
from graphspec.verifying.runtimes.process import started

_TYPES = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
#: No first-run page, and nothing that talks to the browser's maker.
_FLAGS = (
    "--headless", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
#: By provider: no GPU, or one that SwiftShader computes on the processor, the same on every machine.
_GPU = {"wasm": ("--disable-gpu",), "webgpu": ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")}


def run_browser(request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Run the ONNX file on all cases.

    Raises:
        WorkerError: Chromium ends, or gives no answer within `seconds`.
    """
    folder = Path(request["outputs"]).parent
    inputs, outputs = folder / "web_inputs.safetensors", folder / "web_outputs.safetensors"
    write_inputs(request["inputs"], inputs)
    with _Server({"model.onnx": Path(request["model"]), "inputs": inputs}) as server:
        name, body = _response(server, request["options"]["provider"], seconds)
    if name == "failed":
        return {"failed": f"cannot load the file: {body.decode(errors='replace')}"}
    outputs.write_bytes(body)
    errors = read_outputs(outputs, request["outputs"])
    return {"errors": errors}


def _response(server: _Server, provider: str, seconds: float) -> tuple[str, bytes]:
    """What the page sends from onnxruntime-web's `provider`: ``outputs`` or ``failed``, with its body."""
    deadline = time.monotonic() + seconds
    root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []  # Chromium does not start as root else
    with ScratchFolder() as profile:
        command = [BROWSER.path or "chromium", *_FLAGS, *_GPU[provider], *root, f"--user-data-dir={profile}/profile"]
        command.append(f"{server.address}#{provider}")
        with started(command, Path(profile) / "log") as browser:
            while not server.responded.wait(0.1):
                if browser.poll() is not None:
                    raise WorkerError(f"Chromium ended with exit code {browser.returncode}")
                if time.monotonic() > deadline:
                    raise WorkerError(f"no answer within {seconds:g} s")
    return server.response


class _Server:
    """A server on 127.0.0.1 for one page. Its address has a secret in it: another user of the machine finds nothing."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        dist = ORT_WEB.path / "dist"
        own = {"": HERE / "page.html", "cases.js": HERE / "cases.js", **files}
        self.responded = threading.Event()
        self.response = ("failed", b"")
        self._secret = secrets.token_urlsafe(16)
        self._files = {f"/{self._secret}/{name}": path for name, path in own.items()}
        self._files |= {f"/{self._secret}/ort/{path.name}": path for path in dist.iterdir()}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}/{self._secret}/"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        this = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = this._files.get(self.path)
                if path is None:
                    return self.send_error(404)
                content = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", _TYPES.get(path.suffix, "application/octet-stream"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return None

            def do_POST(self) -> None:
                name = self.path.removeprefix(f"/{this._secret}/")
                if name not in ("outputs", "failed") or this.responded.is_set():
                    return self.send_error(404)
                this.response = (name, self.rfile.read(int(self.headers["Content-Length"])))
                this.responded.set()
                self.send_response(204)
                self.end_headers()
                return None

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: what was asked for is of no interest."""

        return Handler

    def __enter__(self) -> _Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
