"""A job class for a remote service: what the author of a provider writes.

`BatchClient` speaks HTTP, `ChecksumJob` translates. Everything else (states, history, waiting,
cancelling, threads) is inherited. Run this file to see a job of `batch_service.py`:

    python docs/examples/batch_job.py
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from sojourn import BaseJob, JobStatus, Observation, Transition
from sojourn.errors import SubmitUncertainError

__all__ = ["BatchClient", "Checksum", "ChecksumJob", "RefusedError"]


class RefusedError(Exception):
    """The service understood the request and said no, so nothing has happened there."""

    def __init__(self, code: int, reason: str) -> None:
        """Keep the facts."""
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        """Quote the service."""
        return f"{self.reason} (HTTP {self.code})"


@dataclass(frozen=True)
class BatchClient:
    """The address of a batch service, and how long to wait for each of its answers."""

    url: str
    timeout: float = 10.0

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one request, once, and return the JSON that comes back.

        Raises:
            RefusedError: The service said no.
            OSError: Nobody knows: a timeout, a lost connection, a 5xx.
            HTTPException, ValueError: Nobody knows: the answer was cut off, or is no JSON.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        # The address is the user's own, so whatever scheme it has is wanted.
        request = Request(self.url + path, data, headers, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            with error:  # it holds the connection
                # An HTTPError is an OSError whatever its code, but a 4xx is an answer, and
                # a clear one, unless it means "not now".
                if error.code >= 500 or error.code in (408, 425, 429):
                    raise
                raise RefusedError(error.code, error.read().decode(errors="replace")) from error


@dataclass(frozen=True)
class Checksum:
    """What the service finds out about a file."""

    sha256: str
    size: int


class ChecksumJob(BaseJob[Checksum]):
    """The SHA-256 of a file, computed by a batch service."""

    requeue = Transition(JobStatus.RUNNING, JobStatus.QUEUED, new_attempt=True)

    status_map = {
        "PENDING": JobStatus.QUEUED,
        "ACTIVE": JobStatus.RUNNING,
        "COMPLETED": JobStatus.DONE,
        "FAILED": JobStatus.ERROR,
        "CANCELED": JobStatus.CANCELLED,
    }

    # After any of these, the service may have taken the job: only a RefusedError says it has not.
    uncertain_errors = (OSError, HTTPException, ValueError, LookupError, TypeError)
    # Waiting asks again after these, and after an OSError.
    transient_errors = (HTTPException, json.JSONDecodeError)

    def __init__(self, client: BatchClient, job_id: str, file: str, **options: Any) -> None:
        super().__init__(client, job_id, **options)
        self.file = file

    def _submit(self) -> str:
        order = {"token": self.job_id(), "file": self.file}
        return str(self.backend().call("POST", "/jobs", order)["id"])

    def _find(self) -> str | None:
        found = self.backend().call("GET", f"/jobs?token={quote(self.job_id(), safe='')}")["jobs"]
        return str(found[0]["id"]) if found else None

    def _poll(self) -> Observation:
        job = self.backend().call("GET", f"/jobs/{self.native_id}")
        return Observation(job["status"], attempt=job["attempt"], reason=job["reason"] or None)

    def _cancel(self) -> bool | None:
        try:
            job = self.backend().call("POST", f"/jobs/{self.native_id}/cancel")
        except RefusedError as error:
            if error.code == 409:  # too late
                return False
            raise
        return True if job["status"] == "CANCELED" else None

    def _fetch_result(self) -> Checksum:
        result = self.backend().call("GET", f"/jobs/{self.native_id}/result")
        return Checksum(result["sha256"], result["size"])


def main() -> None:
    """Compute a checksum, with one submission whose answer is lost on the way."""
    # The service is no part of the client.
    from batch_service import BatchService, Fault, Route  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, BatchService(Path(folder)) as service:
        (Path(folder) / "hello.txt").write_text("hello\n")
        service.inject(Route.SUBMIT, Fault.LOST)
        job = ChecksumJob(BatchClient(service.url), "checksum-1", "hello.txt")
        try:
            job.submit()
        except SubmitUncertainError as error:
            print(error)
        job.reconcile()
        print(job.result(timeout=10).sha256)
        print(f"{job}, {len(service.jobs)} job on the server")


if __name__ == "__main__":
    main()
