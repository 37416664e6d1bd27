"""Errors a user can mend: one line that says what is wrong and what to do; the command line exits with 2."""


class UserError(Exception):
    """What was asked, what there is, what to do. Shown without a traceback."""


# In torch's words, and the system's.
SHORT = (
    "allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
)


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, of the machine or of a GPU."""
    if isinstance(error, UserError):
        return False
    return isinstance(error, MemoryError) or any(words in str(error) for words in SHORT)


class NotHere(UserError):
    """Data that is nowhere on this machine, and was not or could not be fetched."""
