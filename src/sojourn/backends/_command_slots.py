"""How a command is started, followed to its end, and told of."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sojourn._owner import name_of_process
from sojourn.backends._commands import CommandJob
from sojourn.backends._groups import Group, describe_exit
from sojourn.backends._keeper import Keeper
from sojourn.backends._left import GatedGroup, LeftGroup, has_begun, sync
from sojourn.backends._output import last_lines
from sojourn.backends._taking_up import give_up
from sojourn.errors import CommandError
from sojourn.lifecycle import JobStatus

__all__ = ["CommandSlot", "left_group", "lost", "tell_end", "was_begun"]

#: How many lines of stderr an error has with it.
TAIL_LINES = 20

#: Where a command that may outlive its owner leaves its exit status.
LEFT = "exit"


class CommandSlot:
    """One place in which commands run, one at a time."""

    def __init__(self, keeper: Keeper, grace: float) -> None:
        self._keeper = keeper
        self._grace = grace
        self._now: tuple[CommandJob | None, Group] = (None, Group(keeper, grace))

    def expect(self, job: CommandJob | None) -> None:
        self._now = (job, self._now[1] if job is None else self._group_for(job))

    def _group_for(self, job: CommandJob) -> Group:
        if job._sj_book() is None:
            return Group(self._keeper, self._grace)
        left = job.backend()._left.get(job.job_id())
        return GatedGroup(self._keeper, self._grace) if left is None else left

    def work(self, job: CommandJob) -> None:
        group = self._now[1]
        if isinstance(group, LeftGroup):
            self._follow_left(job, group)
            return
        try:
            started = self._start(job, group)
        except OSError as error:
            job.observe(JobStatus.ERROR, reason=CommandError(job.name, f"cannot start: {error}"))
            return
        if started:
            self._follow(job, group)
        else:
            job.observe(JobStatus.CANCELLED, reason="it was not started")

    def stop(self, job: CommandJob) -> None:
        current, group = self._now
        if current is job:
            group.stop("cancelled")

    def kill(self) -> None:
        self._now[1].kill()

    def close(self) -> None:
        """Nothing is held."""

    def _start(self, job: CommandJob, group: Group) -> bool:
        job._begin_attempt()
        gated = isinstance(group, GatedGroup)
        mode = "wb" if gated else "xb"
        with job.stdout_path.open(mode) as stdout, job.stderr_path.open(mode) as stderr:
            files: dict[str, Any] = {"cwd": job.cwd, "stdout": stdout, "stderr": stderr}
            if isinstance(group, GatedGroup):
                return group.start_gated(job.command, job.folder / LEFT, job.env, **files)
            return group.start(list(job.command), env=job.env, stdin=subprocess.DEVNULL, **files)

    def _follow(self, job: CommandJob, group: Group) -> None:
        if job.timeout is not None:
            self._keeper.remind(group.late, job.timeout)
        job.pid = group.pid
        if not isinstance(group, GatedGroup):
            try:
                job.observe(JobStatus.RUNNING, reason=f"process {job.pid}")
            except BaseException:  # by a callback of its class
                group.stop("cancelled")
                group.wait()
                raise
        elif not self._let_go(job, group):
            return  # it was over before it could begin
        self._tell(job, group, group.wait())

    def _let_go(self, job: CommandJob, group: GatedGroup) -> bool:
        """Let a command begin as soon as the journal knows its process; tell whether it may."""
        begin = False
        try:
            assert group.pid is not None  # it was started
            with job._sj_lock:
                job._sj_stage(worker=name_of_process(group.pid))
            job.observe(JobStatus.RUNNING, reason=f"process {group.pid}")
            with job._sj_lock:
                # One that was RUNNING already has brought no entry that would take it along.
                job._sj_decide(partial(_keep_worker, job))
            begin = job.state.status is JobStatus.RUNNING
            return begin
        finally:
            group.let_go(begin=begin)
            if not begin:
                group.wait()

    def _follow_left(self, job: CommandJob, group: LeftGroup) -> None:
        """Follow a command that has outlived its owner."""
        job.pid = group.pid
        if job.timeout is not None:
            began = next(
                (e.at for e in reversed(job.history) if e.at and e.trigger == "start"), None
            )
            lasted = (datetime.now(UTC) - began).total_seconds() if began else 0.0
            self._keeper.remind(group.late, max(0.0, job.timeout - lasted))
        code = group.wait()
        job.backend()._left.pop(job.job_id(), None)
        if code is not None or group.why:
            self._tell(job, group, code)
        elif not was_begun(job) or give_up(job, lost(job)):
            self.expect(job)
            self.work(job)  # it never ran, or its class has it run again

    def _tell(self, job: CommandJob, group: Group, code: int | None) -> None:
        if group.why == "timed out":
            job.observe(JobStatus.ERROR, reason=_late(job))
        elif group.why and code != 0:
            job.observe(JobStatus.CANCELLED, reason=f"it {describe_exit(code)[0]}")
        else:
            tell_end(job, code)


def tell_end(job: CommandJob, code: int | None) -> None:
    """Report a command that has ended by itself."""
    if code != 0:
        job.observe(JobStatus.ERROR, reason=_failure(job, code))
        return
    if job._sj_book() is not None:
        # What it wrote is its result, which is durable before anybody is told of it.
        for path in (job.stdout_path, job.stderr_path, job.folder, job.folder.parent):
            sync(path)
        job._sj_known().result = job._fetch_result()
    job.observe(JobStatus.DONE)


def left_group(job: CommandJob, keeper: Keeper, grace: float) -> LeftGroup:
    book = job._sj_book()
    worker = "" if book is None else book.worker
    return LeftGroup(keeper, grace, worker or "///", job.folder / LEFT)


def _keep_worker(job: CommandJob) -> None:
    """Write which process does the work if that is not written yet, and nobody has ended the job."""
    book = job._sj_book()
    assert book is not None  # its process waits for the journal to know it
    if book.staged and not job.state.is_final:
        job._sj_write(book)
        book.unsure = False


def was_begun(job: CommandJob) -> bool:
    book = job._sj_book()
    assert book is not None  # or nobody could have left it
    return has_begun(book.worker, job.folder / LEFT)


def lost(job: CommandJob) -> CommandError:
    return CommandError(
        job.name,
        "was left behind when its owner ended, and has ended without a word",
        stderr_tail=_stderr_tail(job),
    )


def _failure(job: CommandJob, code: int | None) -> CommandError:
    reason, exit_code, signal = describe_exit(code)
    return CommandError(job.name, reason, exit_code, signal, stderr_tail=_stderr_tail(job))


def _late(job: CommandJob) -> CommandError:
    reason = f"timed out after {job.timeout:g} s"
    return CommandError(job.name, reason, timeout=job.timeout, stderr_tail=_stderr_tail(job))


def _stderr_tail(job: CommandJob) -> str:
    return "\n".join(last_lines(job.stderr_path, TAIL_LINES)[0])
