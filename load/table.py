"""The table of a load test: a row a stage, and what makes the run fail. Knows no locust."""

from dataclasses import dataclass

HEAD = f"{'users':>6}{'events':>10}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'max ms':>8}{'errors':>8}{'holes':>7}  CPU"


@dataclass(frozen=True)
class Stage:
    """What came of one stage. Times are in ms, from a post's reading to its arrival."""

    users: int
    events: int
    p50: float
    p95: float
    p99: float
    longest: float
    errors: int  # of REST, and streams that were cut off
    holes: int  # streams in which a post is missing
    cpu: str  # of each worker, as a share of a core

    @property
    def row(self) -> str:
        times = "".join(f"{ms:>8.0f}" for ms in (self.p50, self.p95, self.p99, self.longest))
        return f"{self.users:>6}{self.events:>10}{times}{self.errors:>8}{self.holes:>7}  {self.cpu}"

    def failures(self, most_ms: float) -> list[str]:
        """Why the run has failed, a line each; none if all is well."""
        found = []
        if self.p99 > most_ms:
            found.append(f"with {self.users} users the 99th percentile is {self.p99:.0f} ms, over {most_ms:.0f}")
        if self.holes:
            found.append(f"with {self.users} users {self.holes} streams had a hole")
        if not self.events:
            found.append(f"with {self.users} users no event came")
        return found
