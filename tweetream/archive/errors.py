"""Failures of an archive, named by what the caller does: stop with one line, or try again."""


class BadArchive(Exception):
    """The archive cannot be used, and waiting does not help; the message says what to do."""


class ArchiveUnavailable(Exception):
    """The archive cannot be used now, as when a disk is full; the next attempt may succeed."""


class ArchiveMissing(ArchiveUnavailable):
    """No archiver has written there yet."""
