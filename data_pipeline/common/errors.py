"""The two ways in which work can end badly, and what each means to the shell.

Both carry one line that says what was expected, what was found, where, and the remedy.
"""


class ArgmaxError(Exception):
    """Work that failed for a reason to act on (a full disk, an engine that died): status 1."""

    exit_status = 1


class InputError(ArgmaxError, ValueError):
    """Arguments or input that are wrong (an illegal FEN, a broken file): status 2."""

    exit_status = 2
