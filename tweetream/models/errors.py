"""Errors of this machine: they concern no record, so what failed is tried again."""

import errno

_MACHINE = {
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT
}  # fmt: skip


def is_machine_error(error: BaseException | None) -> bool:
    """Whether this machine lacks something: files, memory, threads or disk."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_machine_error(one) for one in error.exceptions)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _MACHINE):
        return True
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return True
    return error is not None and is_machine_error(error.__cause__)
