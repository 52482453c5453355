"""What one job class's lifecycle answers, worked out once: tables, refusals, and evidence.

Everything here is a function of the class alone; no job and no lock is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final

from sojourn import _machine
from sojourn._records import NOT_GIVEN, More, Record, birth
from sojourn._resolving import nearest
from sojourn.errors import IllegalTransitionError, ReentrantTransitionError, UnknownStatusError
from sojourn.history import Outcome
from sojourn.lifecycle import JobStatus, Lifecycle, State

__all__ = ["Evidence", "Path", "Rules"]

Path = tuple[_machine.Plan, ...]
Refusal = tuple[tuple[str, ...], tuple[str, ...], str]

#: A report that is this many attempts ahead is taken for a lie rather than caught up with.
MOST_ATTEMPTS_AHEAD: Final = 1_000


class Evidence:
    """A place that a report may speak of, and what it means for a job in each state.

    Attributes:
        name: Name of the state or status.
        goals: Names of the states that agree with it.
        final: Whether it says that the job is over.
        verdicts: By the name of the present state: the path to take, or why there is none.
        steps: By the name of the present state: destination and trigger, where the path is one step
            that calls nothing and has no payload.
        more: What the record of such a step says beyond it.
        behind: By the name of the present state: whether the job may have come from there.
    """

    __slots__ = ("behind", "final", "goals", "more", "name", "steps", "verdicts")

    def __init__(self, name: str, goals: frozenset[str], final: bool) -> None:
        """Start without verdicts; they are worked out when they are first needed."""
        self.name = name
        self.goals = goals
        self.final = final
        self.verdicts: dict[str, Path | Outcome] = {}
        self.steps: dict[str, tuple[str, str]] = {}
        self.more: More = ("observation", False, name, NOT_GIVEN, 0)
        self.behind: dict[str, bool] = {}


class Rules:
    """The compiled side of one job class.

    Attributes:
        name: Name of the class, for messages.
        lifecycle: The declaration that all of this was worked out from.
        tables: ``{trigger: {source: branches in order}}``.
        states: State by name.
        statuses: Name of the status that each state stands for, by the state's name.
        finals: Names of the final states.
        calling: Triggers that call something on the way, and so take any arguments.
        birth: The record that every job of the class is born with; ``None`` if it is abstract.
        refusals: What refusals say, by trigger and state, as far as any was asked for.
        fast: The generated function of each trigger.
        commands: The same for the steps of ``submit`` and ``cancel``, taken by command.
    """

    fast: dict[str, Callable[..., bool]]
    commands: dict[str, Callable[..., bool]]

    def __init__(
        self, owner: type, lifecycle: Lifecycle, words: Mapping[Hashable, State | JobStatus]
    ) -> None:
        """Compile the tables and index the words."""
        self.name = owner.__name__
        self.lifecycle = lifecycle
        self.tables = _machine.compile_tables(lifecycle.machine, owner)
        self.states = {state.name: state for state in lifecycle.states}
        self.statuses = {name: state.status.value for name, state in self.states.items()}
        self.finals = frozenset(state.name for state in lifecycle.finals)
        self.calling = frozenset(
            trigger
            for trigger, sources in self.tables.items()
            if any(plan.calls for plans in sources.values() for plan in plans)
        )
        self.birth: Record | None = birth(lifecycle.initial.name)
        self._plans = self._pair_plans()
        self._of_status = {
            status.value: Evidence(
                status.value,
                frozenset(each.name for each in lifecycle.states if each.status is status),
                status.is_final,
            )
            for status in JobStatus
        }
        self._of_state = {
            name: Evidence(name, frozenset([name]), state.is_final)
            for name, state in self.states.items()
        }
        self._of_word = {word: self._of_place(place) for word, place in words.items()}
        self.refusals: dict[str, dict[str, Refusal]] = {name: {} for name in self.tables}

    def _pair_plans(self) -> dict[int, _machine.Plan]:
        # Edges and compiled branches stand in the same order for each trigger and source.
        waiting = {
            (trigger, source): list(plans)
            for trigger, sources in self.tables.items()
            for source, plans in sources.items()
        }
        return {
            id(edge): waiting[edge.trigger, edge.source.name].pop(0)
            for edge in self.lifecycle.transitions
        }

    def _of_place(self, place: State | JobStatus) -> Evidence:
        if isinstance(place, JobStatus):
            return self._of_status[place.value]
        return self._of_state[place.name]

    def read(self, raw: object, job_id: str, state: str) -> Evidence:
        """Return what a report speaks of.

        Raises:
            UnknownStatusError: Neither a state or status of this class nor a known word.
        """
        if isinstance(raw, JobStatus):
            return self._of_status[raw._value_]  # without the descriptor, in half the time
        if isinstance(raw, State):
            if self.states.get(raw.name) == raw:
                return self._of_state[raw.name]
            hint = f"{self.name} has no such state; {nearest(raw.name, self.states)}"
            raise UnknownStatusError(job_id, raw, state, hint)
        try:
            found = self._of_word.get(raw)
        except TypeError:
            found = None
        if found is None:
            raise UnknownStatusError(job_id, raw, state, self._hint(raw))
        return found

    def _hint(self, raw: object) -> str:
        hint = nearest(raw, (str(word) for word in self._of_word))
        return f"add it to {self.name}.status_map if it is right; {hint}"

    def weigh(self, evidence: Evidence, state: str) -> Path | Outcome:
        """Return the path that evidence about the present attempt asks for, or its outcome."""
        verdict = evidence.verdicts.get(state)
        if verdict is None:
            verdict = evidence.verdicts[state] = self._weigh(evidence, state)
            if not isinstance(verdict, Outcome) and len(verdict) == 1:
                plan = verdict[0]
                if plan.bare and plan.dest != "ERROR":
                    evidence.steps[state] = (plan.dest, plan.trigger)
        return verdict

    def _weigh(self, evidence: Evidence, state: str) -> Path | Outcome:
        if state in evidence.goals:
            return Outcome.UNCHANGED
        if state in self.finals:
            return Outcome.CONFLICT if evidence.final else Outcome.STALE
        path = self.path(evidence, state, 0)
        if path is not None:
            return path
        return Outcome.STALE if self.may_have_left(evidence, state) else Outcome.CONFLICT

    def path(self, evidence: Evidence, state: str, attempts: int) -> Path | None:
        """Return the shortest path to the evidence that begins ``attempts`` new attempts."""
        if attempts > MOST_ATTEMPTS_AHEAD:
            return None
        edges = self.lifecycle.search(state, evidence.goals, attempts)
        return None if edges is None else tuple(self._plans[id(edge)] for edge in edges)

    def may_have_left(self, evidence: Evidence, state: str) -> bool:
        """Whether a job that stands in ``state`` may have been there earlier in this attempt."""
        behind = evidence.behind.get(state)
        if behind is None:
            behind = evidence.behind[state] = any(
                self.lifecycle.search(goal, {state}, 0) for goal in evidence.goals
            )
        return behind

    def refusal(self, job_id: str, trigger: str, state: str) -> IllegalTransitionError:
        """Return the error that says why ``trigger`` is not possible in ``state``."""
        return IllegalTransitionError(job_id, trigger, state, *self.refuse(trigger, state))

    def refuse(self, trigger: str, state: str) -> Refusal:
        """Return what such an error says: what is allowed, what leads there, the way out."""
        told = self.refusals.get(trigger)
        if told is None:
            allowed = tuple(sorted(self.lifecycle.triggers(state)))
            hint = f"{self.name} has no such trigger, {nearest(trigger, self.tables)}"
            return allowed, (), hint
        if state not in told:
            told[state] = self._refuse(trigger, state)
        return told[state]

    def _refuse(self, trigger: str, state: str) -> Refusal:
        allowed = tuple(sorted(self.lifecycle.triggers(state)))
        here = f"allowed here: {', '.join(allowed)}"
        if not allowed:
            return (), (), f"{state} is final, nothing is allowed here"
        path = self.lifecycle.search(state, self.tables[trigger])
        after = tuple(edge.trigger for edge in path or ())
        return (
            allowed,
            after,
            f"{here} ({trigger} comes after: {', '.join(after)})" if after else here,
        )

    def denial(
        self,
        job_id: str,
        trigger: str,
        state: str,
        reason: str,
        kind: type[IllegalTransitionError] = IllegalTransitionError,
    ) -> IllegalTransitionError:
        """Return an error for a trigger or command that is refused for another reason."""
        allowed = tuple(sorted(self.lifecycle.triggers(state)))
        return kind(job_id, trigger, state, allowed, (), reason)

    def reentry(self, job_id: str, what: str, state: str, reason: str) -> IllegalTransitionError:
        """Return the error for what a declared callback may not do."""
        return self.denial(job_id, what, state, reason, ReentrantTransitionError)
