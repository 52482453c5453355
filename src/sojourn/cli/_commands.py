"""What can be typed; this file and `_journal_commands` know click. They parse, call and print."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import get_args

import click

from sojourn.cli import (
    _batch,
    _checking,
    _choices,
    _classes,
    _journal_commands,
    _kept,
    _past,
    _pictures,
    _proving,
    _running,
    _terminal,
)
from sojourn.drawing._layout import Direction
from sojourn.errors import LifecycleError, SojournError
from sojourn.testing import Tier

_FORMATS = ("svg", "png", "mermaid", "dot", "text")


def run_command_line(arguments: Sequence[str] | None) -> int:
    """Run what was typed and return the exit code."""
    _terminal.keep_writing()
    try:
        with _terminal.logging_in_lines():
            code = sojourn.main(
                None if arguments is None else list(arguments), "sojourn", standalone_mode=False
            )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SojournError as error:
        _terminal.say(f"sojourn: {_lines(str(error))}\n", sys.stderr)
        return 1 if isinstance(error, _terminal.BrokenOffError) else 2
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except _terminal.OutputLostError as lost:
        if lost.unwanted:
            return 128 + signal.SIGPIPE
        _terminal.say(f"sojourn: cannot write the output: {lost.error.strerror}\n", sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def _lines(text: str) -> str:
    return "\n".join(_terminal.inert(line) for line in text.splitlines())


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every command has its own help: sojourn run --help",
)
@click.version_option(package_name="sojourn", message="sojourn %(version)s")
def sojourn() -> None:
    """Run commands as jobs with one explicit life each; draw and check job classes."""


class _Run(click.Command):
    """A command that keeps what is typed behind ``--`` for itself."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta["typed"], args = tuple(args[at + 1 :]), args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        return ["[OPTIONS]", "FILE | -- COMMAND..."]


@sojourn.command(cls=_Run)
@click.argument("file", required=False)
@click.option(
    "-j",
    "--jobs",
    "slots",
    type=click.IntRange(min=1),
    default=_choices.processors,
    metavar="N",
    help="How many run at the same time; by default one a processor.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long each command may take.",
)
@click.option(
    "--output",
    metavar="FOLDER",
    help="Where the output of the commands goes; by default a new folder.",
)
@click.option(
    "--journal",
    is_flag=False,
    flag_value="",
    metavar="[PATH]",
    help="Keep the batch in a journal, so that it can be looked at and resumed; by default your own.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, an object a line.")
@click.option("--graph", metavar="FILE", help="Draw how often jobs went where, and how long.")
@click.option("--timeline", metavar="FILE", help="Draw when jobs were where.")
@click.pass_context
def run(
    ctx: click.Context,
    file: str | None,
    slots: int,
    timeout: float | None,
    output: str | None,
    journal: str | None,
    as_json: bool,
    graph: str | None,
    timeline: str | None,
) -> int:
    """Run the commands of a file, or one that is typed, to their end.

    FILE has one shell command a line, perhaps with a name in front, and comments:

    \b
        # lines like this one are not run
        pack: gzip -9 < notes.txt | wc -c
        sha256sum notes.txt

    Every command has a process group of its own, nothing to read, and its output in files. The exit code is 0 only if
    every job is DONE, and 1 otherwise. Ctrl-C stops what runs, a second one kills it; the exit code is then 130.
    FILE may be - for the standard input.
    """  # noqa: D301  # click knows a block that is not filled by its backspace
    typed = ctx.meta.get("typed")
    if (file is None) == (not typed):
        raise click.UsageError("give a FILE, or a command after --", ctx)
    tasks = [_batch.typed(typed)] if typed else _batch.read(str(file))
    pictures = _pictures.Wanted(graph, timeline)
    views = _choices.views(as_json=as_json)
    notes = {"source": file, "slots": slots, "timeout": timeout}
    with _kept.batch(journal, tasks, output, notes) as (folder, kept):
        batch = _running.Batch(file or "", slots, folder, views, kept=kept)
        batch.run(tasks, timeout=timeout)
        pictures.draw(batch.jobs, None if as_json else sys.stdout)
        return batch.exit_code


@sojourn.command()
@click.argument("thing", metavar="[MODULE:CLASS]", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write a file; its suffix says the format.")
@click.option("--format", "wanted", type=click.Choice(_FORMATS), help="Instead of the suffix's.")
@click.option(
    "--direction",
    type=click.Choice(("LR", "TB"), case_sensitive=False),
    default="LR",
    show_default=True,
    help="From left to right, or from top to bottom.",
)
@click.option(
    "--journal",
    is_flag=False,
    flag_value="",
    metavar="[PATH]",
    help="Draw the lives of the jobs in a journal; by default your own.",
)
@click.pass_context
def graph(
    ctx: click.Context,
    thing: str | None,
    output: str | None,
    wanted: str | None,
    direction: Direction,
    journal: str | None,
) -> int:
    """Draw what may happen to a job of a class, or what has happened to jobs.

    MODULE:CLASS is a job class, such as pkg.module:Class, looked for in the current folder, too. Its lifecycle is
    drawn in the terminal, or in a file:

    \b
        sojourn graph machine_shop:MachineShopJob
        sojourn graph machine_shop:MachineShopJob -o shop.svg --direction TB

    With --journal it is what has happened: how often the jobs of the journal went where, and how long they stayed.
    MODULE:CLASS is not needed then; if it is given, only jobs of that class are drawn. A job that the journal has
    damaged is left out and named on the standard error, and the exit code is 1.

    \b
        sojourn graph --journal shop.journal -o yesterday.svg

    Colours appear on a terminal only, and not where NO_COLOR is set.
    """  # noqa: D301  # as above
    found: object
    complete = True
    if journal is not None:
        found, complete = _past.lives(journal, thing)
    elif thing is None:
        raise click.UsageError("give MODULE:CLASS, or --journal", ctx)
    else:
        found = _classes.find(thing)
    try:
        if output is None:
            _pictures.show(found, format=wanted, direction=direction)
        else:
            _pictures.write(found, output, format=wanted, direction=direction)
    except TypeError as error:
        raise _terminal.RefusalError(
            f"{thing} is {_classes.called(found)}, which cannot be drawn; "
            "give a subclass of sojourn.BaseJob, a lifecycle, or jobs"
        ) from error
    return int(not complete)


@sojourn.command()
@click.argument("thing", metavar="[MODULE:CLASS]", required=False)
@click.option(
    "--tier",
    type=click.Choice(get_args(Tier)),
    default="quick",
    show_default=True,
    help="How hard to look: about a second, or up to twenty.",
)
@click.option(
    "--factory",
    metavar="MODULE:FUNCTION",
    help="Makes a new job; needed where a class takes more than a backend and an id.",
)
@click.option(
    "--journal",
    is_flag=False,
    flag_value="",
    metavar="[PATH]",
    help="Look whether a journal is damaged instead, and repair nothing; by default your own.",
)
@click.pass_context
def check(
    ctx: click.Context, thing: str | None, tier: Tier, factory: str | None, journal: str | None
) -> int:
    """Show the lifecycle of a job class, and find out whether it can break a promise.

    A broken promise is told by its name, with the shortest way to it. The exit code is 0 for a class that is sound
    and breaks none, 1 for one that is not or does, and 2 where there is no such class or no job can be made of it.
    """
    if (thing is None) == (journal is None):
        raise click.UsageError("give MODULE:CLASS, or --journal", ctx)
    if journal is not None:
        return _past.tell_what_is_damaged(journal)
    try:
        owner = _classes.find_class(str(thing))
    except LifecycleError as error:
        _terminal.say(f"{_lines(str(error))}\n")
        return 1
    _terminal.say(_checking.describe(owner))
    report = _proving.prove(owner, _proving.factory(factory) if factory else None, tier)
    _terminal.say(_proving.told(report))
    return 0 if report.ok else 1


for command in (
    _journal_commands.cancel,
    _journal_commands.jobs,
    _journal_commands.resume,
    _journal_commands.show,
    _journal_commands.stats,
):
    sojourn.add_command(command)
