"""How a trigger fires fast: one generated function for each trigger of each job class.

The common case, in which nothing has to be called and nobody is waiting, is a look-up and a
store, written out in the function itself. Everything else goes the longer way through
`Firing._sj_fire`: another state, a condition, a callback, a waiter, a journal, a job of another
class that came here through ``super()``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any

from sojourn._firing import Firing
from sojourn._handle import firing
from sojourn._records import COMMAND, NOT_GIVEN
from sojourn._rules import Rules
from sojourn.errors import IllegalTransitionError

__all__ = ["compile_trigger"]

# The release comes first in its finally and the acquire inside the try: with an acquire before
# the try, half of all interrupts left the lock held; this form, on every version measured, none.
# There is no call between the look at the state and the store except the clock's, and what is
# interrupted there has not happened.
_FAST = """
def run(self{parameter}):
    if firing:
        return fire(self, trigger, {args}, {{}}, origin)
    state = self._sj_last[0]
    if state not in sources and self._sj_watch is None and type(self) is owner:
        raise illegal(self._sj_id, trigger, state, *(refusals.get(state) or refuse(trigger, state)))
    lock = self._sj_lock
    try:
        lock.acquire()
        last = self._sj_last
        state = last[0]
        if state in table and self._sj_watch is None and type(self) is owner:
            self._sj_last = (table[state], now(), trigger, last, {more})
            return True
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass
    return fire(self, trigger, {args}, {{}}, origin)
"""

_SLOW = """
def run(self, *args, **kwargs):
    return fire(self, trigger, args, kwargs, origin)
"""

_FAIL = """
def run(self, error=None):
    return fire(self, trigger, () if error is None else (error,), {{}}, origin)
"""


def compile_trigger(
    owner: type, rules: Rules, trigger: str, name: str, *, command: bool = False
) -> Callable[..., bool]:
    """Generate the method that fires ``trigger`` on jobs of the class ``owner``.

    Args:
        owner: The class that the method is for.
        rules: Its compiled rules.
        trigger: Name of the trigger.
        name: Name of the method.
        command: Whether the entries say that a command caused them.
    """
    branches = [plan for plans in rules.tables[trigger].values() for plan in plans]
    payloads = {{"DONE": "result", "ERROR": "error"}.get(plan.dest) for plan in branches}
    fields = {
        "parameter": "",
        "args": "()",
        "more": "COMMAND" if command else "None",
    }
    if trigger in rules.calling or len(payloads) > 1:
        template = _SLOW
    elif payloads == {"error"}:
        template = _FAIL
    else:
        template = _FAST
        if payloads == {"result"}:
            # A job keeps the payload in its last record, so one store publishes both.
            fields["parameter"] = ", result=NOT_GIVEN"
            fields["args"] = "() if result is NOT_GIVEN else (result,)"
            given = "(origin, False, None, result, 0)"
            fields["more"] = f"{fields['more']} if result is NOT_GIVEN else {given}"
    names: dict[str, Any] = {
        "COMMAND": COMMAND,
        "NOT_GIVEN": NOT_GIVEN,
        "fire": Firing._sj_fire,
        "firing": firing,
        "now": time.time,
        "illegal": IllegalTransitionError,
        "refusals": rules.refusals[trigger],
        "refuse": rules.refuse,
        "sources": frozenset(rules.tables[trigger]),
        "trigger": trigger,
        "origin": "command" if command else "trigger",
        "owner": owner,
        "table": {
            source: plans[0].dest
            for source, plans in rules.tables[trigger].items()
            if plans[0].bare
        },
    }
    exec(_compiled(template.format(**fields)), names)  # noqa: S102  # no name of an author's is in it
    function: Callable[..., bool] = names["run"]
    function.__name__ = name
    function.__qualname__ = f"{owner.__qualname__}.{name}"
    function.__module__ = owner.__module__
    steps = dict.fromkeys(f"{plan.source} -> {plan.dest}" for plan in branches)
    function.__doc__ = f"Fire {trigger!r}: {', '.join(steps)}."
    return function


@lru_cache(maxsize=100)
def _compiled(source: str) -> CodeType:
    # A handful of texts serve all triggers of all classes.
    return compile(source, "<trigger>", "exec")
