"""Every call in every world that a job can be in, breadth first, each world by a shortest way.

What must come of a call is said by `Model`; the first call that gives anything else is the
shortest way to a broken promise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sojourn.lifecycle import JobStatus, State
from sojourn.testing._calls import Call, sent_to, taken, unsound
from sojourn.testing._model import REFUSED, Taken, Turn, World
from sojourn.testing._report import Ledger
from sojourn.testing._sketches import FINALS
from sojourn.testing._subject import Setup

__all__ = ["commands", "exhaust", "judge", "moves", "said"]

#: Words that no class knows.
UNKNOWN: Final = ("Done", "no such word", 0, None, ("DONE",))


def moves(setup: Setup) -> list[Call]:
    """Return every trigger, by name and by method, and every report."""
    sketch, cls = setup.subject.sketch, setup.subject.cls
    states = cls.lifecycle.states
    words = [word for word in (sketch.words or ()) if not isinstance(word, JobStatus)]
    unknown = [word for word in UNKNOWN if sketch.goals(word) is None]
    return [
        *(Call("trigger", (name,)) for name in (*sketch.triggers, "no_such_trigger")),
        *(Call("fire", (name, *how)) for name, how in setup.subject.triggers.items()),
        *(Call("observe", (raw, attempt)) for raw in (*JobStatus, *states) for attempt in (1, 2)),
        *(Call("observe", (raw,)) for raw in (*JobStatus, *states, *words, *unknown)),
    ]


def commands(setup: Setup, *, overlapping: bool = True) -> list[Call]:
    """Return every command and look, and what others may do while the backend is asked.

    Args:
        setup: Which hooks there are.
        overlapping: Whether others do anything meanwhile.
    """
    sketch = setup.subject.sketch
    doubtful = "find" in setup.hooks
    could = sent_to(setup.subject.cls)
    alone = [
        *(Call("submit", (sent,)) for sent in could),
        Call("cancel"),
        *(Call("look", (raw,)) for raw in (None, *JobStatus, "no such word")),
        *([Call("reconcile", ("native-1",))] if doubtful else []),
        *(Call("reconcile", (None, sent)) for sent in could if doubtful),
    ]
    if not (overlapping and setup.hooks & {"submit", "cancel"}):
        return alone
    return alone + [
        Call(verb, args, inner)
        for verb, args in (*(("submit", (sent,)) for sent in could), ("cancel", ()))
        for inner in (
            *(Call("trigger", (name,)) for name in sketch.triggers),
            *(Call("observe", (status,)) for status in JobStatus),
            *(Call("submit"), Call("cancel"), Call("look")),
        )
    ]


def exhaust(setup: Setup, calls: Iterable[Call], ledger: Ledger, limit: int = 1_000_000) -> int:
    """Try every call in every world, breadth first; return how many worlds there are.

    Args:
        setup: How jobs are made.
        calls: What is tried.
        ledger: Where findings go.
        limit: How many calls are made at most; the shallow worlds come first.
    """
    return len(_Exhaustion(setup, calls, ledger, limit).ways)


class _Exhaustion:
    """The worlds that were found so far, and a shortest way to each."""

    def __init__(self, setup: Setup, calls: Iterable[Call], ledger: Ledger, limit: int) -> None:
        self.setup, self.model, self.ledger = setup, setup.model, ledger
        self.calls, self.limit, self.made = list(calls), limit, 0
        self.asked: set[World] = set()
        self.ways: dict[World, tuple[Call, ...]] = {World(): ()}
        waiting = deque(self.ways)
        while waiting and self.made < limit:
            world = waiting.popleft()
            for there, way in self._onward(world):
                if there not in self.ways and there.attempt <= 2:
                    self.ways[there] = way
                    waiting.append(there)
        ledger.worlds += len(self.ways)
        ledger.skipped += len(waiting)

    def _onward(self, world: World) -> Iterator[tuple[World, tuple[Call, ...]]]:
        """Try every call in one world; yield where they lead, and the way."""
        way, here, on_job = self.ways[world], None, []
        for call in self.calls:
            if self.made >= self.limit or not self._makes_sense(world, call):
                continue
            if here is None:
                here = self._brought(world, way)
                if here is None:
                    return
                self._ask_what_may_be(here[0], world, way)
            on_job.append(call)
            self.made += 1
            turn = self._judged(*here, world, way, on_job)
            if turn is not None and turn.world == world and not turn.asked:
                continue  # it changed nothing, and the job serves for the next call too
            here, on_job = None, []
            if turn is not None:
                yield self._essence(turn.world), (*way, call)

    def _judged(
        self, job: Any, desk: Any, world: World, way: tuple[Call, ...], on_job: list[Call]
    ) -> Turn | None:
        """Make the last call; one that breaks a promise without those before it is told without them."""
        call, path = on_job[-1], (*way, *on_job)
        self.ledger.doing = path
        if len(on_job) == 1:
            return judge(self.setup, self.ledger, job, desk, world, call, path)
        draft = Ledger()
        turn = judge(self.setup, draft, job, desk, world, call, path)
        self.ledger.calls += draft.calls
        if turn is None:
            alone = self._brought(world, way)
            short = (*way, call)
            if alone is None or judge(self.setup, self.ledger, *alone, world, call, short):
                self.ledger.add(draft)
        return turn

    def _brought(self, world: World, way: tuple[Call, ...]) -> tuple[Any, Any] | None:
        """Return a new job in a world, as far as that works again."""
        job, desk = self.setup.make()
        self.ledger.jobs += 1
        self.ledger.doing = way
        try:
            for call in way:  # all of these were tried before
                call.make(job, desk)
        except Exception as error:  # noqa: BLE001  # whatever an author's code raises
            self.ledger.failed(tuple(map(said, way)), error)
            return None
        if job.state.name != world.state:
            self.ledger.note(
                f"{' then '.join(map(said, way))} does not always lead to {world.state}"
            )
            return None
        self.ledger.states.add(world.state)
        return job, desk

    def _ask_what_may_be(self, job: Any, world: World, way: tuple[Call, ...]) -> None:
        """Hold what may() says against the model, once in each world."""
        if world in self.asked:
            return
        self.asked.add(world)
        for trigger in (*self.setup.subject.sketch.triggers, "no_such_trigger"):
            answers = {turn.answer is True for turn in self.model.trigger(world, trigger)}
            path = self.ledger.doing = (*map(said, way), f"may({trigger!r})")
            try:
                may = job.may(trigger)
            except Exception as error:  # noqa: BLE001  # whatever an author's code raises
                self.ledger.failed(path, error)
                return
            if may not in answers:
                self.ledger.broken("may-tells", path, f"{answers}", f"returns {may!r}")

    def _makes_sense(self, world: World, call: Call) -> bool:
        # With nothing to reconcile, it is a look or a refusal.
        if call.verb == "reconcile":
            return world.claim == "uncertain"
        if call.meanwhile is None:
            return True
        turns = getattr(self.model, call.verb)(world, *call.args)
        return any(turn.asked for turn in turns)

    def _essence(self, world: World) -> World:
        """Leave out what makes no difference: how it came there."""
        if world.state in FINALS:
            return World(world.state, world.attempt)
        return world._replace(length=0, reported=world.reported and bool(self.setup.hooks))


def judge(
    setup: Setup,
    ledger: Ledger,
    job: Any,
    desk: Any,
    world: World,
    call: Call,
    path: Iterable[Call | str],
) -> Turn | None:
    """Make a call and compare it with what may come of it.

    Returns:
        What came of it, if it may; ``None`` if a promise is broken, or the author's code failed.
    """
    allowed = call.allowed(setup.model, world)
    ledger.doing = path
    before, asked, odd = job.history, len(desk.asked), _contradictions(job)
    ledger.calls += 1
    wrong: tuple[str, str, str] | None
    try:
        answer = call.make(job, desk)
        after = job.history
        if after[: len(before)] != before:
            wrong = "history-is-a-path", "what was recorded stays", f"{taken(after)}"
        else:
            seen = answer, taken(after[len(before) :]), tuple(desk.asked[asked:])
            matching = [t for t in allowed if (t.answer, t.steps, t.asked) == seen]
            wrong = unsound(job, setup.subject.sketch)
            if not matching and (wrong is None or wrong[0] not in _DAMAGE):
                promise = blame(world, call, seen, allowed)
                hopes = dict.fromkeys(told(t.answer, t.steps, t.asked) for t in allowed)
                wrong = promise, " or ".join(hopes), told(*seen)
            elif wrong is None:
                wrong = _uncounted(job, call, answer, odd)
    except Exception as error:  # noqa: BLE001  # whatever an author's code raises
        ledger.failed(tuple(map(said, path)), error)
        return None
    if wrong is not None:
        ledger.broken(wrong[0], tuple(map(said, path)), *wrong[1:])
        return None
    return matching[0]


#: What is wrong with a history whatever it tells; the rest is told better by the call that did it.
_DAMAGE: Final = ("history-is-dense", "history-is-honest", "state-is-last-entry")


def _contradictions(job: Any) -> int:
    return sum(anomaly.count for anomaly in job.anomalies)


def _uncounted(job: Any, call: Call, answer: Any, odd: int) -> tuple[str, str, str] | None:
    if call.verb != "observe":
        return None
    more, wanted = _contradictions(job) - odd, int(answer == "CONFLICT")
    if more == wanted:
        return None
    return "conflict-is-kept", f"{wanted} more among the anomalies", f"{more} more"


Seen = tuple[Any, tuple[Taken, ...], tuple[str, ...]]


def blame(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    """Return the promise that is broken, from what differs and where."""
    _, steps, asked = seen
    if world.state in FINALS and steps:
        return "final-is-final"
    if asked.count("submit") > max((t.asked.count("submit") for t in allowed), default=0):
        return "one-submission"
    if call.verb in _BY_VERB and call.meanwhile is None:
        return _BY_VERB[call.verb](world, call, seen, allowed)
    if any(step.dest == "CANCELLED" for step in steps) and not any(
        step.dest == "CANCELLED" for turn in allowed for step in turn.steps
    ):
        return "cancel-asks"
    return {"submit": "submit-is-settled", "cancel": "cancel-answers"}.get(
        call.verb, "doubt-is-reconciled"
    )


def _blame_trigger(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    refused = all(turn.answer == REFUSED for turn in allowed)
    return "refusal-changes-nothing" if refused and seen[0] == REFUSED else "trigger-is-strict"


def _blame_report(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    hopes = {turn.answer for turn in allowed}
    if "UnknownStatusError" in hopes:
        return "unknown-is-refused"
    if hopes == {"STALE"}:
        return "stale-is-dropped"
    return "conflict-is-kept" if hopes == {"CONFLICT"} else "observation-is-weighed"


def _blame_look(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    if any(turn.answer == "UnknownStatusError" for turn in allowed):
        return "unknown-is-refused"
    asked = {turn.asked for turn in allowed}
    if asked == {()} and seen[2]:
        return "status-from-memory"
    if seen[2] in asked and not any(turn.steps for turn in allowed) and seen[1]:
        return "stale-is-dropped"
    return "status-polls"


def _blame_cancel(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    if {turn.steps for turn in allowed} != {seen[1]} or seen[2] not in {t.asked for t in allowed}:
        return "cancel-asks"
    return "cancel-answers"


def _blame_wait(world: World, call: Call, seen: Seen, allowed: list[Turn]) -> str:
    hopes = {turn.answer for turn in allowed}
    if hopes & {"JobError", "SubmitUncertainError"}:
        return "wait-needs-submission"
    if "UnknownStatusError" in hopes:
        return "unknown-is-refused"
    return "deadline-is-kept" if "JobTimeoutError" in hopes else "wait-wakes"


_BY_VERB: Final = {
    "trigger": _blame_trigger,
    "fire": _blame_trigger,
    "observe": _blame_report,
    "look": _blame_look,
    "cancel": _blame_cancel,
    "wait_once": _blame_wait,
    "wait_for": _blame_wait,
}


# Words for people.


def told(answer: Any, steps: Iterable[Any], asked: Iterable[str]) -> str:
    """Say what came of a call."""
    parts = [_answer(answer)]
    parts += [f"{step.trigger}: {step.source} -> {step.dest}" for step in steps]
    parts += [f"the backend is asked to {question}" for question in asked]
    return "; ".join(parts)


def _answer(answer: Any) -> str:
    if isinstance(answer, tuple):
        return " and meanwhile ".join(map(_answer, answer))
    if isinstance(answer, str):
        raised = answer.endswith("Error")
        return f"raises {answer}" if raised else answer
    return f"returns {answer!r}"


_SENT: Final = {"ok": "takes it", "no": "refuses it", "lost": "does not answer"}


def said(call: Call | str) -> str:
    """Say what is done."""
    if isinstance(call, str):
        return call
    text = _said(call)
    return text if call.meanwhile is None else f"{text}, and meanwhile {said(call.meanwhile)}"


def _said(call: Call) -> str:
    args = call.args
    match call.verb:
        case "trigger":
            return f"trigger({args[0]!r})"
        case "fire":
            return f"{args[1]}({chr(39) + 'the payload' + chr(39) if args[2] else ''})"
        case "observe":
            attempt = "" if len(args) < 2 or args[1] is None else f", attempt={args[1]}"
            return f"observe({_word(args[0])}{attempt})"
        case "submit":
            return f"submit() and the backend {_SENT[args[0] if args else 'ok']}"
        case "look":
            news = "has no news" if not args or args[0] is None else f"says {_word(args[0])}"
            return f"status() and the backend {news}"
        case "wait_once":
            news = "has no news" if args[0] is None else f"says {_word(args[0])}"
            return f"wait_for_final_state(timeout=0) and the backend {news}"
        case "wait_for":
            push = f"{_word(args[0])} is observed after {args[1]:g} s"
            return f"wait_for_final_state(timeout={args[2]:g}), and {push}"
        case "reconcile":
            found = args[0] if args else None
            again = f" and then {_SENT[args[1] if len(args) > 1 else 'ok']}"
            return f"reconcile() and the backend finds {found!r}{again if found is None else ''}"
        case _:
            return f"{call.verb}()"


def _word(raw: object) -> str:
    if isinstance(raw, State):
        return f"the state {raw.name}"
    return str(raw) if isinstance(raw, JobStatus) else repr(raw)
