"""The signals that ask a program to end and clean up."""

import signal


def end_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and the end of the terminal, unless `nohup` or the like has this program ignore that."""
    found = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        found.append(hangup)
    return found
