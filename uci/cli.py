"""The ``argmax`` command: finds the subcommand, imports only its module, reports errors in one
line.

A subcommand is a module with ``Args`` (a dataclass that tyro turns into options) and
``run(args) -> int`` (the exit status). For a fast start it may also have
``parse_args(argv) -> Args | None``, which is called before tyro is imported. ``--help`` needs only
the table below; JAX and Beam are imported by the subcommands that need them.
"""

import _thread
import contextlib
import importlib
import io
import os
import signal
import sys
import time

from data_pipeline.common.plain_text import one_line, say

COMMANDS: dict[str, tuple[str, str]] = {
    "uci": ("uci.commands.uci", "UCI engine on standard input and output, for chess GUIs"),
    "play": ("uci.commands.play", "a game in the terminal against the network"),
    "analyse": ("uci.commands.analyse", "every legal move with its value distribution"),
    "board": ("uci.commands.board", "the board in the browser: play, look inside, review"),
    "review": ("uci.commands.review", "games judged move by move: annotated PGN and a page"),
    "puzzles": ("uci.commands.puzzles", "solve rate on Lichess puzzle files"),
    "match": ("uci.commands.match", "games between engines"),
    "endgames": ("uci.commands.endgames", "won endings against Stockfish"),
    "elo": ("uci.commands.elo", "ratings from PGN files"),
    "ladder": ("uci.commands.ladder", "a player's rating against Stockfish's levels"),
    "data annotate": ("uci.commands.data_annotate", "positions scored by Stockfish (Beam)"),
    "data deepen": (
        "uci.commands.data_deepen",
        "the best moves of a dataset, deeper (Beam)",
    ),
    "data convert": ("uci.commands.data_convert", "annotated positions to a dataset (Beam)"),
    "data selfplay": ("uci.commands.data_selfplay", "positions of games, scored by Stockfish"),
    "data endgames": ("uci.commands.data_endgames", "small endings with exact distances to mate"),
    "data pack": ("uci.commands.data_pack", "a dataset in half of its size, and back"),
    "data stats": ("uci.commands.data_stats", "statistics of a dataset, also as charts"),
    "train": ("uci.commands.train", "train a network on a dataset"),
    "study": ("uci.commands.study", "losses compared: a grid of short trainings"),
    "study recipe": (
        "uci.commands.study_recipe",
        "recipes compared: trainings that differ in one setting",
    ),
    "evaluate": ("uci.commands.evaluate", "agreement, regret, tau-b and calibration on a dataset"),
    "speed": ("uci.commands.speed", "time per move and puzzles per second of networks"),
    "report": ("uci.commands.report", "a network's figures and positions as one HTML page"),
    "network info": ("uci.commands.network_info", "the contents of a network file"),
    "network import-reference": (
        "uci.commands.network_import_reference",
        "a published searchless_chess checkpoint as a network file",
    ),
    "network export": ("uci.commands.network_export", "a network as a searchless_chess checkpoint"),
    "network average": ("uci.commands.network_average", "the mean of networks' weights"),
    "network halve": ("uci.commands.network_halve", "a network in a file of half the size"),
    "network strength": ("uci.commands.network_strength", "store the Elo curve that was measured"),
}

GROUPS = {name.split()[0] for name in COMMANDS} - COMMANDS.keys()
"""First words of commands that are no commands themselves."""
HELP = ("--help", "-h")

EXTRAS = {
    **dict.fromkeys(("apache_beam", "bagz"), "data"),
    "pyspark": "spark",
    **dict.fromkeys(("jax", "haiku"), "jax"),
    **dict.fromkeys(("optax", "grain", "orbax", "tensorstore", "tensorboardX"), "train"),
    **dict.fromkeys(("scipy", "matplotlib"), "measure"),
    **dict.fromkeys(("starlette", "uvicorn"), "board"),
}
"""Packages that are not needed to play -> the extra of this project that installs them."""

EXIT_DONE, EXIT_FAILED, EXIT_WRONG_INPUT = 0, 1, 2


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; returns 0 (done), 1 (failed) or 2 (wrong arguments or input).

    Common to all commands: characters that the terminal's encoding lacks become question marks, and
    a closed pipe (``argmax | head``) or an interruption ends the command without a traceback.
    """
    is_process, argv = argv is None, sys.argv[1:] if argv is None else argv
    if is_process:
        sys.unraisablehook = interrupt_again
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            return dispatch(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        return EXIT_FAILED
    except KeyboardInterrupt:
        # A second interruption ends the process at once, without any cleanup.
        if is_process:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        say(f"{' '.join(['argmax', *argv[:1]])}: interrupted", file=sys.stderr)
        return EXIT_FAILED


def interrupt_again(ignored: "sys.UnraisableHookArgs") -> None:
    """If an interruption cannot be raised, as in a callback of JAX, raise it again a bit later."""
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt_soon, ())
    else:
        sys.__unraisablehook__(ignored)


def _interrupt_soon() -> None:
    time.sleep(0.05)
    _thread.interrupt_main()


def discard_output() -> None:
    """Redirect remaining output to nowhere, so that the process ends silently."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def dispatch(argv: list[str]) -> int:
    """Find the subcommand and run it."""
    if argv and argv[0] in ("help", *HELP):
        argv = [*argv[1:], HELP[0]]
    words = [word for word in argv[:2] if word not in HELP]
    if not words or (len(words) == 1 and words[0] in GROUPS):
        say(overview(*words))
        return EXIT_WRONG_INPUT if argv == words else EXIT_DONE
    name = next((n for n in (" ".join(argv[:2]), argv[0]) if n in COMMANDS), None)
    if name is None:
        return unknown_command(argv)
    module = importlib.import_module(COMMANDS[name][0])
    return run_command(module, name, argv[len(name.split()) :])


def overview(group: str = "") -> str:
    """The text of ``argmax --help`` or ``argmax GROUP --help``: one line per subcommand."""
    commands = {name: text for name, (_, text) in COMMANDS.items() if _is_in(name, group)}
    width = max(map(len, commands)) + 2
    lines = [f"  {name:<{width}}{text}" for name, text in commands.items()]
    command = f"argmax {group} COMMAND".replace("  ", " ")
    usage = f"usage: {command} [OPTIONS]     ({command} --help lists the options)"
    about = [] if group else ["A chess engine that does not search.", ""]
    return "\n".join([usage, "", *about, *lines])


def _is_in(name: str, group: str) -> bool:
    return not group or name.startswith(group + " ")


def unknown_command(argv: list[str]) -> int:
    """One line on stderr; for a group such as ``data`` it lists the group's commands."""
    group = argv[0] if argv[0] in GROUPS else ""
    expected = ", ".join(name for name in COMMANDS if _is_in(name, group))
    found = one_line(" ".join(argv[:2] if group else argv[:1]))
    say(f"argmax: expected a command ({expected}), found '{found}'", file=sys.stderr)
    return EXIT_WRONG_INPUT


def run_command(module, name: str, argv: list[str]) -> int:
    """Parse ``argv`` into ``module.Args`` and run it; expected errors become one line on stderr."""
    from data_pipeline.common.errors import ArgmaxError

    try:
        return module.run(parse_args(module, name, argv))
    except ArgmaxError as error:
        say(f"argmax {name}: {one_line(str(error))}", file=sys.stderr)
        return error.exit_status
    except ModuleNotFoundError as error:
        return missing_package(error, name)
    except BrokenPipeError:
        raise
    except OSError as error:
        say(f"argmax {name}: {one_line(str(error))}", file=sys.stderr)
        return EXIT_FAILED


def missing_package(error: ModuleNotFoundError, name: str) -> int:
    """One line on stderr if an extra is not installed; re-raises for any other module."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    needs = f"{package} of the extra '{EXTRAS[package]}'"
    remedy = f"{sys.executable} -m pip install --require-hashes -r requirements.lock"
    say(f"argmax {name}: needs {needs}; in Argmax's folder: {remedy}", file=sys.stderr)
    return EXIT_FAILED


def parse_args(module, name: str, argv: list[str]):
    """``module.Args`` from the command line; wrong arguments end the process with status 2."""
    fast = getattr(module, "parse_args", None)
    args = fast(argv) if fast else None
    if args is not None:
        return args
    import tyro

    from data_pipeline.common.ranges import OutOfRange, check_ranges
    from uci.commands.option_help import registry, shown_plainly

    asked = any(word in HELP for word in argv)
    options = shown_plainly(module.Args) if asked else module.Args
    usage = io.StringIO()
    try:
        with contextlib.redirect_stderr(usage):
            args = tyro.cli(
                options,
                prog=f"argmax {name}",
                args=argv,
                description=module.__doc__,
                registry=registry,
            )
        check_ranges(args)
    except OutOfRange as error:
        raise error.as_option() from None
    except SystemExit as stop:
        if (error := _input_error(stop)) is not None:
            raise (error.as_option() if isinstance(error, OutOfRange) else error) from None
        sys.stderr.write(usage.getvalue())
        raise
    return args


def _input_error(stop: BaseException | None):
    """The InputError because of which tyro ended the process, or None."""
    from data_pipeline.common.errors import InputError

    while stop is not None and not isinstance(stop, InputError):
        stop = stop.__context__
    return stop
