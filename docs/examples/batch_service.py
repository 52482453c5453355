"""A small batch service over HTTP, and the faults that real services have.

It computes SHA-256 checksums of the files of one folder, a few at a time. It listens on a loopback
port of its own, speaks JSON, and knows nothing of sojourn: `batch_job.py` has the job class for it.

| request                 | answer                                                          |
|-------------------------|-----------------------------------------------------------------|
| `POST /jobs`            | takes `{"token", "file"}`: 201; 200 where the token is known    |
| `GET /jobs?token=…`     | `{"jobs": […]}`: all of them, or those with one token           |
| `GET /jobs/ID`          | `id`, `token`, `file`, `status`, `attempt`, `reason` of one job |
| `POST /jobs/ID/cancel`  | 200 stopped, 202 asked, 409 too late                            |
| `GET /jobs/ID/result`   | `{"sha256", "size"}` of a COMPLETED job, else 409               |

A status is PENDING, ACTIVE, COMPLETED, FAILED or CANCELED. What the service does wrong, it does
when told to: `inject` spoils the next answers of one route, `hold` keeps jobs at one stage of their
life, and `wait_until` waits for what happens on the server, so a test needs no sleep and no luck.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["BatchService", "Fault", "Record", "Route", "Stage"]

BLOCK = 1 << 16

#: What a handler of a route gives back: the code, and what is sent as JSON.
Answer = tuple[HTTPStatus, dict[str, Any]]


class Route(Enum):
    """What a request asks for."""

    SUBMIT = auto()
    LIST = auto()
    LOOK = auto()
    CANCEL = auto()
    RESULT = auto()


class Fault(Enum):
    """What can go wrong with one request. All of it happens to real services."""

    DROPPED = "hang up before anything is done"
    LOST = "do it, then hang up without an answer"
    LATE = "do it, but have no answer until the client has given up"
    BUSY = "do nothing and answer 503"
    GATEWAY = "do it, but answer 502, as a proxy does that lost patience"
    GARBLED = "do it, but answer with a page for people"
    WORD = "answer with another status word than the true one"
    FORGETFUL = "list no jobs, although there are some"


class Stage(Enum):
    """Where `BatchService.hold` can keep jobs."""

    PENDING = "not started"
    WORKING = "started; may still be canceled or preempted"
    FINISHING = "past the last moment at which a cancel request is looked at"


@dataclass
class Record:
    """What the service knows about one job."""

    id: str
    token: str
    file: str
    status: str = "PENDING"
    attempt: int = 1
    reason: str = ""


@dataclass(frozen=True)
class Request:
    """A request whose address the service knows."""

    route: Route
    job_id: str
    query: dict[str, list[str]]
    body: bytes

    @classmethod
    def read(cls, method: str, target: str, body: bytes) -> Self | None:
        """Find the route of an address; `None` if there is none."""
        url = urlsplit(target)
        query = parse_qs(url.query)
        match method, url.path.strip("/").split("/"):
            case "POST", ["jobs"]:
                return cls(Route.SUBMIT, "", query, body)
            case "GET", ["jobs"]:
                return cls(Route.LIST, "", query, body)
            case "GET", ["jobs", job_id]:
                return cls(Route.LOOK, job_id, query, body)
            case "POST", ["jobs", job_id, "cancel"]:
                return cls(Route.CANCEL, job_id, query, body)
            case "GET", ["jobs", job_id, "result"]:
                return cls(Route.RESULT, job_id, query, body)
            case _:
                return None


class _RefusalError(Exception):
    """A request that is answered with a 4xx code."""

    def __init__(self, code: HTTPStatus, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


class BatchService:
    """A batch service that runs while its `with` block does.

    All that it knows changes under one lock and is announced, so `wait_until` sees each change.

    Args:
        folder: Where the files are.
        slots: How many files are read at the same time.
    """

    def __init__(self, folder: Path, *, slots: int = 1) -> None:
        self.folder = folder
        self.jobs: dict[str, Record] = {}
        self.requests: Counter[Route] = Counter()  # what arrived, spoiled or not
        self.at_the_end: set[str] = set()  # ids of jobs that a cancel request no longer stops
        self._results: dict[str, dict[str, Any]] = {}
        self._orders: dict[str, str] = {}  # by job id: what an ACTIVE job has been told to become
        self._held: set[Stage] = set()
        self._faults: dict[Route, deque[tuple[Fault, str]]] = {route: deque() for route in Route}
        self._changed = threading.Condition()
        self._closing = False
        self._server = _Server(self)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-worker-{n}") for n in range(slots)
        ]
        self._threads.append(
            threading.Thread(target=self._server.serve_forever, args=(0.02,), name="batch-http")
        )

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    # For whoever runs the service, or tests a client against it.

    def hold(self, stage: Stage) -> None:
        """Keep every job that is at a stage, or comes to it, until `release`."""
        with self._changed:
            self._held.add(stage)

    def release(self, stage: Stage) -> None:
        """Let the jobs that are held at a stage go on."""
        with self._changed:
            self._held.discard(stage)
            self._changed.notify_all()

    def inject(self, route: Route, fault: Fault, *, word: str = "", times: int = 1) -> None:
        """Spoil the next answers of a route, in the order of these calls.

        Args:
            route: What requests to spoil.
            fault: What goes wrong.
            word: What `Fault.WORD` says.
            times: How many answers are spoiled.
        """
        with self._changed:
            self._faults[route].extend([(fault, word)] * times)

    def preempt(self, job_id: str) -> None:
        """Send an ACTIVE job back to the queue for another attempt, as when a node is lost."""
        with self._changed:
            if self.jobs[job_id].status == "ACTIVE":
                self._orders.setdefault(job_id, "PENDING")
                self._changed.notify_all()

    def wait_until(self, holds: Callable[[], bool], timeout: float = 10.0) -> None:
        """Return once `holds()` is true on the server; it is asked after every change.

        Raises:
            TimeoutError: It never became true.
        """
        with self._changed:
            if not self._changed.wait_for(holds, timeout):
                raise TimeoutError(
                    f"nothing of the kind within {timeout} s; jobs: {list(self.jobs.values())}"
                )

    # What the routes do, with the lock held.

    def _answer(self, request: Request) -> Answer:
        match request.route:
            case Route.SUBMIT:
                return self._submit(request.body)
            case Route.LIST:
                wanted = request.query.get("token")
                listed = [
                    job for job in self.jobs.values() if wanted is None or job.token in wanted
                ]
                return HTTPStatus.OK, {"jobs": [asdict(job) for job in listed]}
            case Route.LOOK:
                return HTTPStatus.OK, asdict(self._job(request.job_id))
            case Route.CANCEL:
                return self._cancel(self._job(request.job_id))
            case Route.RESULT:
                job = self._job(request.job_id)
                if job.status != "COMPLETED":
                    raise _RefusalError(HTTPStatus.CONFLICT, f"job {job.id} is {job.status}")
                return HTTPStatus.OK, self._results[job.id]

    def _job(self, job_id: str) -> Record:
        try:
            return self.jobs[job_id]
        except KeyError:
            raise _RefusalError(HTTPStatus.NOT_FOUND, f"no such job: {job_id}") from None

    def _submit(self, body: bytes) -> Answer:
        try:
            order = json.loads(body)
            token, file = str(order["token"]), str(order["file"])
        except (ValueError, LookupError, TypeError) as error:
            raise _RefusalError(
                HTTPStatus.BAD_REQUEST, 'wanted: {"token": …, "file": …}'
            ) from error
        if file in ("", "..") or Path(file).name != file or not file.isprintable():
            raise _RefusalError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"not the name of a file: {file!r}"
            )
        known = next((job for job in self.jobs.values() if job.token == token), None)
        if known is not None and known.file != file:
            raise _RefusalError(HTTPStatus.CONFLICT, f"token {token!r} is taken by another file")
        if known is not None:
            return HTTPStatus.OK, asdict(known)
        job = Record(f"batch-{len(self.jobs) + 1}", token, file)
        self.jobs[job.id] = job
        return HTTPStatus.CREATED, asdict(job)

    def _cancel(self, job: Record) -> Answer:
        if job.status == "PENDING":
            job.status = "CANCELED"
            return HTTPStatus.OK, asdict(job)
        if job.status == "ACTIVE":
            self._orders[job.id] = "CANCELED"
            return HTTPStatus.ACCEPTED, asdict(job)
        raise _RefusalError(HTTPStatus.CONFLICT, f"job {job.id} is {job.status}")

    # The work itself, in threads of its own.

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                result = self._checksum(job)
            except OSError as error:
                self._end(job, "FAILED", reason=f"{type(error).__name__}: {error.strerror}")
            else:
                if result is not None:
                    self._end(job, "COMPLETED", result=result)

    def _next_job(self) -> Record | None:
        """Wait for a job that is PENDING and make it ACTIVE; `None` when the service closes."""
        with self._changed:
            while not self._closing:
                job = next((job for job in self.jobs.values() if job.status == "PENDING"), None)
                if job is not None and Stage.PENDING not in self._held:
                    job.status = "ACTIVE"
                    self._changed.notify_all()
                    return job
                self._changed.wait()
        return None

    def _checksum(self, job: Record) -> dict[str, Any] | None:
        """Read the file block by block; `None` when the job was taken away in between."""
        digest, size = hashlib.sha256(), 0
        with (self.folder / job.file).open("rb") as file:
            while not self._taken_away(job):
                block = file.read(BLOCK)
                if not block:
                    return {"sha256": digest.hexdigest(), "size": size}
                digest.update(block)
                size += len(block)
        return None

    def _taken_away(self, job: Record) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: Stage.WORKING not in self._held or job.id in self._orders or self._closing
            )
            order = self._orders.pop(job.id, None)
            if order is not None:
                job.status = order
                if order == "PENDING":
                    job.attempt += 1
                self._changed.notify_all()
            return order is not None or self._closing

    def _end(
        self, job: Record, status: str, *, reason: str = "", result: dict[str, Any] | None = None
    ) -> None:
        with self._changed:
            self.at_the_end.add(job.id)
            self._changed.notify_all()
            self._changed.wait_for(lambda: Stage.FINISHING not in self._held or self._closing)
            job.status, job.reason = status, reason
            if result is not None:
                self._results[job.id] = result
            self._changed.notify_all()

    # Between HTTP and the routes.

    def handle(self, request: Request) -> tuple[Answer | None, Fault | None]:
        """Do what a request asks, spoiled by the next fault of its route.

        Returns:
            The answer, `None` where none is to be sent, and the fault.
        """
        with self._changed:
            self.requests[request.route] += 1
            faults = self._faults[request.route]
            fault, word = faults.popleft() if faults else (None, "")
            answer = self._spoiled(fault, word, request)
            self._changed.notify_all()
            return answer, fault

    def _spoiled(self, fault: Fault | None, word: str, request: Request) -> Answer | None:
        if fault is Fault.DROPPED:
            return None
        if fault is Fault.BUSY:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "come back later"}
        try:
            code, answer = self._answer(request)
        except _RefusalError as refusal:
            code, answer = refusal.code, {"error": refusal.text}
        if fault in (Fault.LOST, Fault.LATE):
            return None
        spoiled: dict[Fault | None, Answer] = {
            Fault.GATEWAY: (HTTPStatus.BAD_GATEWAY, {"error": "no answer from the machine behind"}),
            Fault.WORD: (code, answer | {"status": word}),
            Fault.FORGETFUL: (code, {"jobs": []}),
        }
        return spoiled.get(fault, (code, answer))


class _Server(ThreadingHTTPServer):
    """The HTTP server of one service, on a free loopback port."""

    daemon_threads = False  # closing waits for the answers under way
    request_queue_size = 64

    def __init__(self, service: BatchService) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service


class _Handler(BaseHTTPRequestHandler):
    """One request: read it, let the service answer, send the answer, unless a fault forbids."""

    timeout = 10.0  # no client keeps a thread of the server for longer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request.read(self.command, self.path, body)
        if request is None:
            self._send(HTTPStatus.NOT_FOUND, b'{"error": "no such address"}')
            return
        assert isinstance(self.server, _Server)
        answer, fault = self.server.service.handle(request)
        if answer is not None:
            self._send(
                answer[0],
                b"<h1>Welcome</h1>" if fault is Fault.GARBLED else json.dumps(answer[1]).encode(),
            )
        elif fault is Fault.LATE:
            with contextlib.suppress(OSError):
                self.rfile.read(1)  # returns when the client hangs up

    def _send(self, code: HTTPStatus, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the base class's name
        """Say nothing: what arrived is in `BatchService.requests`."""
