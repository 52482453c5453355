from abc import ABC
from enum import Enum
from typing import Any

class JobStatus(Enum):
    INITIALIZING = "job is being initialized"
    QUEUED = "job is queued"
    VALIDATING = "job is being validated"
    RUNNING = "job is actively running"
    CANCELLED = "job has been cancelled"
    DONE = "job has successfully run"
    ERROR = "job incurred error"

class Job:
    version: int

class JobV1(Job, ABC): ...

class Options:
    def __init__(self, **kwargs: Any) -> None: ...

class BackendV2(ABC):
    name: str | None
    def __init__(
        self,
        provider: Any = None,
        name: str | None = None,
        description: str | None = None,
        online_date: Any = None,
        backend_version: str | None = None,
        **fields: Any,
    ) -> None: ...
    @property
    def target(self) -> Any: ...
    @property
    def max_circuits(self) -> int | None: ...
    @property
    def options(self) -> Any: ...
    def run(self, run_input: Any, **options: Any) -> Any: ...
