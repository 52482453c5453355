"""Scenarios about those who are told, and about what is kept: callbacks, journals, pickles, names."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from typing import Any, Final

from sojourn._book import Book
from sojourn.errors import IllegalTransitionError, JournalError
from sojourn.history import Change, Entry
from sojourn.testing._doubles import ScriptedBackend
from sojourn.testing._stage import Stage, raised

__all__ = ["SCENARIOS"]


def outsiders_are_told_once_and_in_order(stage: Stage) -> None:
    """Of every later entry, whoever else raises or leaves; and not of what was before."""
    for final in stage.finals:
        told: list[Entry] = []
        late: list[Entry] = []
        gone: list[Entry] = []
        job = stage.new()

        def fail(*_: object) -> None:
            raise RuntimeError("an outsider's own trouble")

        stage.do("add_callback(one that raises)", lambda job=job, fail=fail: job.add_callback(fail))  # type: ignore[misc]
        stage.do("add_callback(…)", lambda job=job, told=told: job.add_callback(_into(told)))  # type: ignore[misc]
        stage.do("submit()", job.submit)
        job.add_callback(_into(late))
        leave = job.add_callback(_into(gone))
        since = len(job.history)
        stage.do("observe(RUNNING)", lambda job=job: job.observe(job.lifecycle.state("RUNNING")))  # type: ignore[misc]
        leave()
        until = len(job.history)
        stage.do(f"observe({final})", lambda job=job, f=final: job.observe(job.lifecycle.state(f)))  # type: ignore[misc]
        history = list(job.history)
        _compare(stage, told, history)
        _compare(stage, late, history[since:])
        stage.expect(
            "callbacks-are-harmless",
            gone == history[since:until],
            "one that left is told nothing more",
            [entry.number for entry in gone],
        )


def _into(told: list[Entry]) -> Any:
    return lambda _, entry: told.append(entry)


def _compare(stage: Stage, told: list[Entry], history: list[Entry]) -> None:
    numbers, wanted = [e.number for e in told], [e.number for e in history]
    if sorted(numbers) == sorted(wanted) and numbers != wanted:
        stage.expect("callbacks-in-order", False, f"told of {wanted}", f"told of {numbers}")
    stage.expect("callbacks-once", numbers == wanted, f"told of {wanted}", f"told of {numbers}")
    stage.expect("callbacks-once", told == history, "told the entries themselves", told)


def one_that_fires_is_told_in_order(stage: Stage) -> None:
    """A callback that moves the job on is told of that afterwards, as all others are."""
    told: list[Entry] = []
    job = stage.new()

    def go_on(job: Any, entry: Entry) -> None:
        if entry.number == 1:
            job.observe(job.lifecycle.state("DONE"))

    stage.do("add_callback(one that observes DONE)", lambda: job.add_callback(go_on))
    stage.do("add_callback(…)", lambda: job.add_callback(_into(told)))
    stage.do("submit()", job.submit)
    _compare(stage, told, list(job.history))


class Rows:
    """A journal in memory.

    Attributes:
        job: Whose entries it keeps.
        kept: The entries.
        seen: How long the history was when each was kept.
        trouble: Raised instead of keeping an entry.
    """

    def __init__(self, job: Any) -> None:
        """Start empty."""
        self.job = job
        self.kept: list[Entry] = []
        self.seen: list[int] = []
        self.trouble: Exception | None = None

    def write(self, change: Change) -> None:
        """Keep an entry."""
        if change.entry is None:
            return
        if self.trouble is not None:
            raise self.trouble
        self.seen.append(len(self.job.history))
        self.kept.append(change.entry)


def a_journal_comes_first(stage: Stage) -> None:
    """Every entry is kept before it is seen, and what cannot be kept did not happen."""
    for final in stage.finals:
        job = stage.new()
        rows = Rows(job)
        job._sj_watching().book = Book(rows)  # type: ignore[arg-type]  # it is only written to
        told: list[int] = []
        job.add_callback(
            lambda _, entry, rows=rows, told=told: told.append(len(rows.kept) - entry.number)
        )
        stage.do("submit() with a journal", job.submit)
        stage.do(f"observe({final})", lambda job=job, f=final: job.observe(job.lifecycle.state(f)))  # type: ignore[misc]
        promise = "journal-comes-first"
        kept, history = tuple(rows.kept), job.history
        stage.expect(promise, kept == history, f"the {len(history)} entries are kept", kept)
        wanted = list(range(len(kept)))
        stage.expect(promise, rows.seen == wanted, "kept before it is seen", rows.seen)
        stage.expect(promise, all(n >= 0 for n in told), "told after it is kept", told)
    job = stage.new(())
    rows = Rows(job)
    job._sj_watching().book = Book(rows)  # type: ignore[arg-type]  # it is only written to
    rows.trouble = JournalError("no space left")
    answer = stage.outcome("submit() and the journal is full", job.submit)
    stage.expect(promise, raised(answer, JournalError), "its error", answer)
    stage.expect_unchanged(promise, ())
    rows.trouble = None
    answer = stage.outcome("submit() again", job.submit)
    stage.expect(promise, len(job.history) == 1, "it can be tried again", answer)


class _Pickler(pickle.Pickler):
    """Names the class of the job by itself, so that it may have been made inside a function."""

    def __init__(self, file: Any, cls: type) -> None:
        super().__init__(file)
        self.cls = cls

    def persistent_id(self, thing: Any) -> Any:
        return "the class" if thing is self.cls else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, cls: type) -> None:
        super().__init__(file)
        self.cls = cls

    def persistent_load(self, _: Any) -> Any:
        return self.cls


def a_pickle_is_a_snapshot(stage: Stage) -> None:
    """It can be read, and refuses triggers and commands."""
    for state in ("QUEUED", *stage.finals):
        job = stage.at(state)
        cls = type(job)
        file = io.BytesIO()
        try:
            _Pickler(file, cls).dump(job)
        except Exception as error:  # noqa: BLE001  # whatever an attribute of the author's raises
            stage.ledger.note(
                f"a job does not pickle, because an attribute of its does not: {error}"
            )
            return
        stage.path.append("pickle.dumps() and pickle.loads()")
        file.seek(0)
        snapshot = _Unpickler(file, cls).load()
        promise = "pickle-is-a-snapshot"
        for name in ("history", "state", "attempt", "metadata", "native_id", "created_at"):
            kept, wanted = getattr(snapshot, name), getattr(job, name)
            stage.expect(promise, kept == wanted, f"{name} is {wanted!r:.80}", kept)
        stage.expect(promise, snapshot.job_id() == job.job_id(), job.job_id(), snapshot.job_id())
        stage.expect(promise, snapshot.backend() is None, "no backend", snapshot.backend())
        status = stage.outcome("status() of the snapshot", snapshot.status)
        stage.expect(promise, status == job.state.status, str(job.state.status), status)
        for text, call in (
            ("trigger('fail')", lambda: snapshot.trigger("fail")),
            (
                "observe(DONE)",
                lambda: snapshot.observe(
                    "DONE" if "DONE" in cls.status_map else snapshot.lifecycle.state("DONE")
                ),
            ),
            ("submit()", snapshot.submit),
            ("cancel()", snapshot.cancel),
        ):
            answer = stage.outcome(f"{text} of the snapshot", call)
            refused = raised(answer, IllegalTransitionError)
            stage.expect(promise, refused, "an IllegalTransitionError", answer)
            del stage.path[-1]
        stage.expect(
            promise, snapshot.history == job.history, "it does not change", snapshot.history
        )


def a_job_is_not_copied(stage: Stage) -> None:
    """Neither flat nor deep."""
    job = stage.at("QUEUED")
    for text, call in (("copy.copy", copy.copy), ("copy.deepcopy", copy.deepcopy)):
        answer = stage.outcome(f"{text}(job)", lambda call=call: call(job))  # type: ignore[misc]
        stage.expect("no-copies", raised(answer, TypeError), "a TypeError", answer)


def a_name_is_kept(stage: Stage) -> None:
    """The id and the backend that were given; bad ids are refused; attach() does no I/O."""
    cls = stage.subject.cls
    if stage.subject.factory is not None:
        job_id = stage.new().job_id()
        good = isinstance(job_id, str) and 0 < len(job_id) < 256 and job_id.isprintable()
        stage.expect("identity-is-kept", good, "1 to 255 printable characters", job_id)
        if stage.subject.scripted and _takes(cls):
            backend = stage.new(own=True).backend()
            _is_attached(stage, backend)
        return
    promise = "identity-is-kept"
    backend = ScriptedBackend()
    job: Any = stage.do(f"{cls.__name__}(backend, 'job-1')", lambda: cls(backend, "job-1"))
    stage.expect(promise, job.job_id() == "job-1", "'job-1'", job.job_id())
    stage.expect(promise, job.backend() is backend, "the backend that was given", job.backend())
    for bad, kind in (("", ValueError), ("a\x00b", ValueError), (7, TypeError), (None, TypeError)):
        text = f"{cls.__name__}(backend, {bad!r})"
        answer = stage.outcome(text, lambda bad=bad: cls(backend, bad))  # type: ignore[misc]
        stage.expect(promise, raised(answer, kind), f"a {kind.__name__}", answer)
    stage.path = []
    _is_attached(stage, backend)


def _is_attached(stage: Stage, backend: Any) -> None:
    """End the scenario with a finding unless attach() asks nobody, and submit() sends nothing after it."""
    cls, promise = stage.subject.cls, "identity-is-kept"
    job: Any = stage.do(
        "attach(backend, 'job-1', 'native-1')", lambda: cls.attach(backend, "job-1", "native-1")
    )
    for text, seen, wanted in (
        ("its id", job.job_id(), "job-1"),
        ("its native id", job.native_id, "native-1"),
        ("its history", job.history, ()),
        ("what the backend is asked", backend.asked, []),
    ):
        stage.expect(promise, seen == wanted, f"{text} is {wanted!r}", seen)
    answer = stage.outcome("submit()", job.submit)
    stage.expect("one-submission", raised(answer, IllegalTransitionError), "a refusal", answer)
    stage.expect("one-submission", backend.asked == [], "nothing is sent", backend.asked)


NOTE: Final = "a note of the kit's"


def notes_are_kept(stage: Stage) -> None:
    """What is written into metadata is there to the end, and in no other job."""
    promise = "metadata-is-kept"
    for final in stage.finals:
        other = stage.new(())
        job = stage.new(())
        if NOTE in other.metadata:  # one that shares them has it from the last job
            del other.metadata[NOTE]
        answer = stage.outcome(f"metadata[{NOTE!r}] = 'kept'", lambda job=job: _note(job))  # type: ignore[misc]
        stage.expect(promise, answer is None, "it can be written", answer)
        _has_notes(stage, {NOTE: "kept"})
        told = f"{other.metadata!r:.80}"
        stage.expect(promise, NOTE not in other.metadata, "nothing of it in another job", told)
        stage.do("submit()", job.submit)
        _has_notes(stage, {NOTE: "kept"})
        for name in (*stage.live, final):
            state = job.lifecycle.state(name)
            stage.do(f"observe({name})", lambda job=job, state=state: job.observe(state))  # type: ignore[misc]
            _has_notes(stage, {NOTE: "kept"})


def notes_that_are_given_are_copied(stage: Stage) -> None:
    """What was given is there, and neither side hears of what the other writes afterwards."""
    cls = stage.subject.cls
    given = {"shots": 100, "tags": ["a"]}
    if stage.subject.factory is not None or not _takes(cls, metadata={}):
        return
    promise, text = "metadata-is-kept", f"{cls.__name__}(backend, 'job-1', metadata={given})"
    job: Any = stage.outcome(text, lambda: cls(ScriptedBackend(), "job-1", metadata=given))
    if raised(job, Exception):
        stage.ledger.note(f"metadata were not given, because {cls.__name__} refuses {given}: {job}")
        return
    stage.job = job
    stage.subject.with_hooks(job, ())
    _has_notes(stage, given)
    stage.outcome(f"metadata[{NOTE!r}] = 'kept'", lambda: _note(job))
    stage.expect(promise, NOTE not in given, "what was given is as it was", given)
    given["later"] = True
    stage.path.append("a change of what was given")
    seen = f"{job.metadata!r:.80}"
    stage.expect(promise, "later" not in job.metadata, "metadata that do not change", seen)
    stage.do("submit()", job.submit)
    stage.do("observe(DONE)", lambda: job.observe(job.lifecycle.state("DONE")))
    _has_notes(stage, {"shots": 100, "tags": ["a"], NOTE: "kept"})


def _takes(cls: Any, **further: Any) -> bool:
    """Whether a job can be made of a backend, an id, and these."""
    try:
        inspect.signature(cls).bind(None, "job-1", **further)
    except (TypeError, ValueError):
        return False
    return True


def _note(job: Any) -> None:
    job.metadata[NOTE] = "kept"


def _has_notes(stage: Stage, notes: dict[str, Any]) -> None:
    """End the scenario with a finding unless metadata has these, whatever else the class adds."""
    seen = stage.job.metadata
    kept = {key: seen[key] for key in notes if key in seen}
    stage.expect("metadata-is-kept", kept == notes, f"metadata with {notes}", f"{seen!r:.80}")


SCENARIOS = (
    ("callbacks-once", outsiders_are_told_once_and_in_order),
    ("callbacks-in-order", one_that_fires_is_told_in_order),
    ("journal-comes-first", a_journal_comes_first),
    ("pickle-is-a-snapshot", a_pickle_is_a_snapshot),
    ("no-copies", a_job_is_not_copied),
    ("identity-is-kept", a_name_is_kept),
    ("metadata-is-kept", notes_are_kept),
    ("metadata-is-kept", notes_that_are_given_are_copied),
)
