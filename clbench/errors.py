"""Errors a user can mend: one line that says what is wrong and what to do; the command line exits with 2."""


class UserError(Exception):
    """What was asked, what there is, what to do. Shown without a traceback."""


class NotHere(UserError):
    """Data that is nowhere on this machine, and was not or could not be fetched."""
