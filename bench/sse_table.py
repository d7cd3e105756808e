"""The tables that the bench of streams prints, with its goals. Knows numbers alone."""

from typing import NamedTuple

from sse_runs import Run
from sse_slow import Slow

GOALS = {200: 1.0, 20: 1.5}  # ours in CPU a delivery, times nchan's, by events a second
FEW = (100, 20)  # clients and events a second: few enough that no event waits for another
FEW_P50 = 5.0  # ms
P99 = 250.0  # ms, at most, while the pipeline is saturated
UNMOVED = 1.5  # goal: the others' p99 with a client that does not read, times that without
ROOM = 10.0  # ms by which it may differ in any case
BUSY = 0.9  # of a core: a client program that uses more is what is measured
LATE = 20.0  # ms that an event may be appended behind its time

Deliveries = dict[tuple[int, int], dict[str, Run]]  # by clients and events a second, then by server
_HEAD = (
    f"{'clients':>8}{'events/s':>10}  {'server':<22}{'CPU µs/delivery':>16}{'p50 ms':>9}{'p99 ms':>9}"
    f"{'KiB/client':>12}{'client CPU':>12}  remarks"
)


class Crowd(NamedTuple):
    """The runs at 60 events/s; None where it was not asked for."""

    clients: int
    rate: int
    quiet: Run
    saturated: Run | None
    posts: float  # a second, in the pipeline
    slow: Run | None
    dropped: Slow | None


def table(deliveries: Deliveries, crowd: Crowd | None) -> str:
    rows = [_HEAD]
    for (clients, rate), runs in deliveries.items():
        rows += [row(clients, rate, name, run) for name, run in runs.items()]
    if crowd:
        rows += _crowd(crowd)
    goals = [goal for (clients, rate), runs in deliveries.items() for goal in _ratio(clients, rate, runs)]
    goals += _crowd_goals(crowd) if crowd else []
    if goals:
        rows += ["", f"{'goal':<52}{'here':>12}{'wanted':>14}", *goals]
    return "\n".join(rows)


def row(clients: int, rate: int, name: str, run: Run, more: str = "") -> str:
    """A line of the table; `more` is a remark on a run of a server that had others before."""
    # A worker that had clients before has kept their memory.
    memory = f"{'':>12}" if more else f"{run.memory:>12.1f}"
    collected = run.collected
    share = collected.cpu / max(collected.seconds, 1e-9)
    remarks = [more] if more else []
    if collected.short:
        remarks.append(f"{collected.short} clients did not get every event")
    if share > BUSY:
        remarks.append("the client program is the bottleneck")
    if run.appended.late > LATE:
        remarks.append(f"appended up to {run.appended.late:.0f} ms late")
    return (
        f"{clients:>8,}{rate:>10}  {name:<22}{run.cpu_each:>16.2f}{collected.p50:>9.1f}{collected.p99:>9.1f}"
        f"{memory}{share:>12.0%}  {'; '.join(remarks)}"
    ).rstrip()


def _crowd(crowd: Crowd) -> list[str]:
    rows = [row(crowd.clients, crowd.rate, "ours", crowd.quiet)]
    if crowd.saturated:
        posts = f"{crowd.posts:,.0f} posts/s in the pipeline, whose CPU is in the column"
        rows.append(row(crowd.clients, crowd.rate, "ours, saturated", crowd.saturated, posts))
    if crowd.slow and crowd.dropped:
        told = f"dropped after {crowd.dropped.dropped_after:.1f} s ({crowd.dropped.reason}), "
        told += f"resumed with {crowd.dropped.fault}" if crowd.dropped.fault else "resumed complete"
        rows.append(row(crowd.clients, crowd.rate, "ours, one not reading", crowd.slow, told))
    return rows


def _ratio(clients: int, rate: int, runs: dict[str, Run]) -> list[str]:
    if len(runs) < 2:
        return []
    ratio = runs["ours"].cpu_each / runs["nchan"].cpu_each
    goals = [_goal(f"{clients:,} × {rate}: CPU a delivery, ours / nchan", ratio, GOALS[rate], 2)]
    if (clients, rate) == FEW:
        goals.append(_goal(f"{clients:,} × {rate}: p50 in ms", runs["ours"].collected.p50, FEW_P50, 1))
    return goals


def _crowd_goals(crowd: Crowd) -> list[str]:
    goals = []
    name = f"{crowd.clients:,} × {crowd.rate}"
    if crowd.saturated:
        goals.append(_goal(f"{name}, saturated: p99 in ms", crowd.saturated.collected.p99, P99, 0))
    if crowd.slow:
        quiet = crowd.quiet.collected.p99
        goals.append(
            _goal(
                f"{name}, one not reading: the others' p99 in ms",
                crowd.slow.collected.p99,
                max(quiet * UNMOVED, quiet + ROOM),
                0,
            )
        )
    return goals


def _goal(name: str, here: float, wanted: float, digits: int) -> str:
    return f"{name:<52}{here:>12.{digits}f}{f'<= {wanted:.{digits}f}':>14}{'' if here <= wanted else '  missed'}"
