"""Errors a user can mend: one line that says what is wrong and what to do; the command line exits with 2."""


class UserError(Exception):
    """What was asked, what there is, what to do. Shown without a traceback."""


class MachineFault(UserError):
    """What the machine lacks, not what was asked: room, memory, a file, a process. Mended, the command goes on."""


# In torch's words, and the system's.
SHORT = (
    "allocate memory",
    "out of memory",
    "not enough memory",
    "bad_alloc",
)
GONE = ("CUDA error", "CUDA driver error")  # after either, nothing more runs on the GPU in this process


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, of the machine or of a GPU."""
    if isinstance(error, UserError):
        return False
    return isinstance(error, MemoryError) or any(words in str(error) for words in SHORT)


def of_machine(error: BaseException) -> bool:
    """Whether the machine is at fault, of itself or of its cause, so that the same command may yet end well."""
    if isinstance(error, MachineFault | OSError) or out_of_memory(error):
        return True
    if not isinstance(error, UserError) and any(words in str(error) for words in GONE):
        return True
    before = error.__cause__ or error.__context__
    return isinstance(error, UserError) and before is not None and of_machine(before)


class NotHere(MachineFault):
    """Data that is nowhere on this machine, and was not or could not be fetched."""
