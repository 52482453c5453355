"""What the declarations of a class and its bases come to, and which of them name nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sojourn.lifecycle import ACTIVE, Edge, JobStatus, Lifecycle, State, Transition

__all__ = ["Declarations", "Resolution", "closest", "is_final", "nearest"]


@dataclass
class Declarations:
    """What a class and its bases declare, later classes replacing what earlier ones said.

    Attributes:
        states: State by attribute name.
        steps: Declarations by trigger, each with its attribute name.
        removed: Attributes that a ``= None`` took away.
        lost: What stands where a state was declared; ``None`` if a base state was removed.
    """

    states: dict[str, State] = field(default_factory=dict)
    steps: dict[str, dict[str, Transition[Any]]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    lost: dict[str, object] = field(default_factory=dict)

    def add(self, namespace: Mapping[str, object]) -> None:
        """Take up the declarations of one class body, in their order."""
        fresh: set[str] = set()
        for name, value in namespace.items():
            if isinstance(value, State):
                self.states[name] = value
            elif name in self.states and (value is not None or name in JobStatus.__members__):
                self.lost[name] = value
            elif isinstance(value, Transition):
                self._step(name, value, fresh)
            elif value is None:
                self._remove(name)

    def _step(self, name: str, declared: Transition[Any], fresh: set[str]) -> None:
        trigger = name if declared.trigger is None else declared.trigger
        if trigger not in fresh:
            # Whatever its attribute was called, the inherited declaration is replaced, and the
            # trigger takes its place in the order at this line.
            self.steps.pop(trigger, None)
            self.steps[trigger] = {}
            fresh.add(trigger)
        self.steps[trigger][name] = declared
        self.removed.discard(name)

    def _remove(self, name: str) -> None:
        if self.states.pop(name, None) is not None:
            self.removed.add(name)
        for trigger, declared in list(self.steps.items()):
            if name == trigger or name in declared:
                self.removed |= {name, *declared}
                del self.steps[trigger]


class Resolution:
    """The declarations of a class with every place that they name looked up.

    Attributes:
        states: State by name.
        aliases: By each further name of a State, its first one.
        lifecycle: What may happen, as far as it can be told.
        words: The status map.
        unknown: What names nothing, as sentences.
    """

    def __init__(self, declared: Declarations, status_map: object) -> None:
        """Look up what is declared, and what the map from raw words to states names."""
        self.unknown: list[str] = []
        self.aliases: dict[str, str] = {}
        self._steps = declared.steps
        self._names: dict[int, str] = {}
        for name, state in declared.states.items():
            if (first := self._names.setdefault(id(state), name)) != name:
                self.aliases[name] = first
        self.states = {
            name: _named(state, name)
            for name, state in declared.states.items()
            if name not in self.aliases
        }
        self.lifecycle = Lifecycle(tuple(self.states.values()), tuple(self._edges()))
        self.words: dict[Hashable, State | JobStatus] = dict(self._look_up(status_map))

    def _edges(self) -> Iterator[Edge]:
        for trigger, attributes in self._steps.items():
            for transition in attributes.values():
                for branch in transition.branches:
                    yield from self._branch(trigger, branch)

    def _branch(self, trigger: str, branch: Transition[Any]) -> Iterator[Edge]:
        where = f"'{trigger}' leads"
        given: object = branch.dest
        dest = self._place(given, f"{where} to") if given is not ACTIVE else None
        if given is ACTIVE:
            self.unknown.append(f"{where} to ACTIVE, which is only a source; name one state")
        for source in dict.fromkeys(self._sources(where, branch, dest)):
            if dest is not None:
                yield Edge(
                    trigger,
                    source,
                    dest,
                    branch.conditions,
                    branch.unless,
                    branch.before,
                    branch.after,
                    branch.new_attempt,
                    branch.description,
                )

    def _sources(self, where: str, branch: Transition[Any], dest: State | None) -> Iterator[State]:
        if not branch.source:
            self.unknown.append(f"{where} from nowhere; give it a source")
        for place in branch.source:
            if place is ACTIVE:
                yield from (s for s in self.states.values() if not is_final(s) and s is not dest)
            elif (source := self._place(place, f"{where} from")) is not None:
                yield source

    def _place(self, place: object, where: str) -> State | None:
        if not isinstance(place, State | str):
            known = ", ".join(sorted(self.states))
            self.unknown.append(f"{where} {place!r}, which is no state; known are {known}")
            return None
        name = place.name if isinstance(place, State) else str(place)
        # A state that an inherited transition names may have been declared again since, and then
        # its name counts; one that two classes share has a name in each.
        name = self._names.get(id(place), name)
        if name in self.states:
            return self.states[name]
        shown = name or "a State that is not an attribute of the class"
        self.unknown.append(f"{where} {shown}, which is no state; {nearest(name, self.states)}")
        # The other rules are checked as if the nearest name had been meant, so that one slip
        # neither hides other mistakes nor drags false ones along.
        guess = closest(name, self.states)
        return None if guess is None else self.states[guess]

    def _look_up(self, status_map: object) -> Iterator[tuple[Hashable, State | JobStatus]]:
        if not isinstance(status_map, Mapping):
            self.unknown.append("status_map is not a mapping; write {raw word: state, …}")
            return
        for word, place in status_map.items():
            if isinstance(place, JobStatus):
                yield word, place
            elif isinstance(place, str) and place in JobStatus.__members__:
                yield word, JobStatus[place]
            else:
                state = self._place(place, f"status_map: {word!r} leads to")
                if state is not None:
                    yield word, state


def nearest(word: object, known: Iterable[str]) -> str:
    """Return ``"did you mean X?"`` with the known name nearest to ``word``, or all of them."""
    names = sorted(known)
    found = closest(word, names)
    return f"known are {', '.join(names)}" if found is None else f"did you mean {found}?"


def closest(word: object, names: Iterable[str]) -> str | None:
    """Return the name that is nearest to ``word``, if there is one that is near."""
    import difflib  # noqa: PLC0415  # a mistake is rare, and the import costs every program time

    folded = {name.upper(): name for name in names}
    found = difflib.get_close_matches(str(word).upper(), folded)
    return folded[found[0]] if found else None


def _named(state: State, name: str) -> State:
    if state.name == name:
        return state
    copy = State(state.status, state.description, on_enter=state.on_enter, on_exit=state.on_exit)
    object.__setattr__(copy, "name", name)
    return copy


def is_final(state: State) -> bool:
    """Whether a state stands for a final status, and not for something else altogether."""
    return isinstance(state.status, JobStatus) and state.status.is_final
