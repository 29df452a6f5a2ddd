"""The one exception a user is meant to read."""


class UserError(Exception):
    """A mistake of the user's: one line naming the file or key, what is wrong, and what to write instead.

    The command line prints it on stderr and exits with 2; no traceback is shown.
    """


class NonFiniteLossError(Exception):
    """Training met a loss that is not finite; the message names the batch. Exit code 1."""
