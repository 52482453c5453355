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

class BackendV2(ABC):
    name: str | None
    options: Any
    def __init__(self, **kwargs: Any) -> None: ...
    def run(self, run_input: Any, **options: Any) -> Any: ...
