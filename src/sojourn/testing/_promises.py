"""The promises that the kit holds a class to, each with a name that does not change."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

__all__ = ["PROMISES"]

#: Every promise, by its name.
PROMISES: Final = MappingProxyType(
    {
        # Triggers.
        "trigger-is-strict": "a trigger is taken exactly where the lifecycle declares it, and leads there",
        "refusal-changes-nothing": "what is refused changes nothing",
        "final-is-final": "nothing leaves a final state, and the first one wins for ever",
        "may-tells": "may() and triggers() tell what is possible now",
        "payload-is-kept": "what finish() and fail() are given is kept; None is a result, and none is not None",
        # History.
        "history-is-dense": "the numbers of a history are 1, 2, … without a gap",
        "history-is-a-path": "a history is a path in the lifecycle, and only grows at its end",
        "history-is-honest": "an entry says who caused it, in which attempt, and whether anybody saw it",
        "state-is-last-entry": "the state is where the last entry leads, and stands for its status",
        # Observations.
        "observation-is-weighed": "a report moves a job by the shortest legal path, or not at all",
        "stale-is-dropped": "a report that is late is dropped",
        "conflict-is-kept": "a report that contradicts is dropped and kept among the anomalies",
        "unknown-is-refused": "a word that status_map does not know is an UnknownStatusError, and is "
        "never taken for anything",
        # Submitting.
        "one-submission": "at most one submission ever reaches the backend",
        "submit-is-settled": "submit() takes the step, fails the job, or leaves it in doubt, as the backend says",
        "doubt-is-reconciled": "an uncertain submission goes on by reconcile() alone, as _find() answers",
        # Cancelling.
        "cancel-asks": "cancel() asks; CANCELLED is what the backend confirms",
        "cancel-answers": "cancel() tells whether the job is cancelled or the request was taken",
        # Looking.
        "status-from-memory": "a status that is final, or of a job that nobody submitted, needs no I/O",
        "status-polls": "the status of a live job is one poll, and what it says",
        "status-agrees": "done(), running(), cancelled() and in_final_state() are the same look, compared",
        "status-never-raises": "a status is answered though the job failed",
        "backend-error-changes-nothing": "a question that fails is a BackendError from its cause, and changes nothing",
        "hooks-run-unlocked": "the backend is asked without the job's lock",
        # Waiting and results.
        "deadline-is-kept": "a wait ends at its deadline, which changes nothing",
        "wait-wakes": "a wait ends when the job does",
        "wait-polls": "a wait polls at most `wait` seconds apart, and bears what may pass",
        "wait-tells": "the callback of a wait is called after each look, the last included",
        "wait-needs-submission": "nobody waits for a job that nobody submitted",
        "result-is-kept": "result() fetches once and returns the same every time",
        "result-raises": "result() of a job that failed or was cancelled raises, every time",
        # Asyncio.
        "await-is-result": "awaiting a job gives what result() gives, or raises what it raises",
        "await-cancels-nothing": "cancelling a task that awaits a job cancels neither the job nor the others",
        "loop-goes-on": "nothing blocks the event loop while a job is awaited or followed",
        "changes-are-the-history": "changes() gives what happened, then what happens: each entry once, "
        "in order, to the final one",
        "followers-leave-nothing": "who no longer awaits or follows a job leaves no task, thread or "
        "callback behind",
        # Outsiders.
        "callbacks-once": "an outsider is called exactly once for each later entry",
        "callbacks-in-order": "outsiders are called in the order of the history",
        "callbacks-are-harmless": "an outsider that raises or leaves harms nobody",
        # Threads.
        "calls-are-linearizable": "calls from several threads have one order, and at most one final wins",
        # Keeping.
        "journal-comes-first": "an entry is durable before anybody sees it; what cannot be kept did not happen",
        "pickle-is-a-snapshot": "a pickled job can be read and not changed",
        "no-copies": "a job cannot be copied",
        "identity-is-kept": "job_id() and backend() are what was given; attach() does no I/O",
        "metadata-is-kept": "metadata has the notes that were given, copied, and those written into it, "
        "for this job alone and to its end",
    }
)
