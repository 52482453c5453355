"""Provider classes as they are in the wild, with their base changed; and services that they talk to."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import qiskit.providers
from qiskit import QuantumCircuit

from sojourn.backends.qiskit import QiskitJob

__all__ = ["IonQ", "Service", "Superstaq", "bell", "migrated", "service"]


def migrated(module: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """Execute a module's own source once more, with `QiskitJob` where it finds `JobV1`.

    It takes the module's place until the patch is undone, so that the provider's own backends make
    jobs of the new class.
    """
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    copy = ModuleType(module)
    copy.__file__, copy.__package__ = spec.origin, spec.parent
    code = compile(Path(spec.origin).read_text("utf-8"), spec.origin, "exec")
    with pytest.MonkeyPatch.context() as base:
        base.setattr(qiskit.providers, "JobV1", QiskitJob)
        patch.setitem(sys.modules, module, copy)
        exec(code, copy.__dict__)
    return copy


Answer = Callable[[str, str, Any], tuple[int, Any]]


class Service:
    """A service on this machine that speaks HTTP.

    Attributes:
        url: Its address.
        asked: The requests that came, as method and path.
        answer: Called with method, path and the JSON of the request; returns a status and JSON.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def count(self, method: str, path: str) -> int:
        """Return how often something was asked."""
        return self.asked.count((method, path))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                told = json.loads(self.rfile.read(length) or b"null")
                path = self.path.partition("?")[0]
                service.asked.append((self.command, path))
                status, answer = service.answer(self.command, path, told)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def service(answer: Answer) -> Iterator[Service]:
    """Run a service, for as long as the block lasts."""
    made = Service(answer)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def scripted(words: list[Any]) -> Callable[[], Any]:
    """Say one word after the other, and the last one for ever."""
    return lambda: words.pop(0) if len(words) > 1 else words[0]


class IonQ:
    """What the service of IonQ answers, as far as its jobs ask."""

    def __init__(self, *words: str) -> None:
        self.word = scripted(list(words))
        self.posted = 0
        self.refuse: int | None = None

    def __call__(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        if method == "POST":
            self.posted += 1
            if self.refuse:
                return self.refuse, {"statusCode": self.refuse, "message": "no such device"}
            return 200, {"id": f"ionq-{self.posted}", "status": "submitted"}
        if method == "PUT":
            return 200, {"id": "ionq-1", "status": "canceled"}
        if path.endswith("/results"):
            return 200, {"0": 0.5, "3": 0.5}
        return 200, {
            "id": "ionq-1",
            "status": self.word(),
            "stats": {"qubits": 2, "circuits": 1},
            "results": {"probabilities": {"url": "/v0.4/results"}},
            "execution_duration_ms": 3,
            "metadata": {},
            "failure": {"code": "TooHot", "error": "the trap is empty"},
        }


class Superstaq:
    """What the service of Superstaq answers, as far as its jobs ask."""

    def __init__(self, *words: str) -> None:
        self.word = scripted(list(words))
        self.circuits = ""
        self.cancelled: list[str] = []

    def __call__(self, method: str, path: str, told: Any) -> tuple[int, Any]:
        if path.endswith("/cancel_jobs"):
            self.cancelled += told["job_ids"]
            return 200, {"succeeded": told["job_ids"]}
        if path.endswith("/fetch_jobs"):
            one = {
                "status": self.word(),
                "samples": {"00": 50, "11": 50},
                "shots": 100,
                "input_circuit": self.circuits,
            }
            return 200, dict.fromkeys(told["job_ids"], one)
        self.circuits = told["qiskit_circuits"]
        return 200, {"job_ids": ["ss-1", "ss-2"], "status": "Submitted"}
