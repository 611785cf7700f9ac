"""The two kinds of errors that commands report, and their exit statuses.

Both have one line that says what was expected, what was found, where, and the remedy.
"""


class ArgmaxError(Exception):
    """A failure with a remedy (full disk, engine died): exit status 1."""

    exit_status = 1


class InputError(ArgmaxError, ValueError):
    """Wrong arguments or input (illegal FEN, broken file): exit status 2."""

    exit_status = 2
