"""Which errors are of this machine, and so no fault of a record."""

import errno

import pytest

from tweetream.models.errors import is_machine_error


def caused(by: BaseException) -> Exception:
    error = ValueError("wrapped")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error",
    [
        *(OSError(code, "") for code in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EAGAIN)),
        MemoryError(),
        RuntimeError("can't start new thread"),
        caused(OSError(errno.EMFILE, "")),
        ExceptionGroup("two", [ValueError(), MemoryError()]),
    ],
    ids=repr,
)
def test_these_are_tried_again(error: BaseException) -> None:
    assert is_machine_error(error)


@pytest.mark.parametrize(
    "error", [None, ValueError(), OSError(errno.ENOENT, ""), ConnectionResetError(), RuntimeError("a bug")], ids=repr
)
def test_these_are_not(error: BaseException | None) -> None:
    assert not is_machine_error(error)
