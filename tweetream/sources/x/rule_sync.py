"""Keeps our rules at X in sync with the active topics, within X's rate limits.

Each step compares the topics with the rules at X, makes a plan (`rules.py`), adds rules, and deletes old ones. A rule
is deleted only when its replacement has taken effect, so every word always has a rule. Our rules have a tag with our
prefix; foreign rules are never changed. The fewer requests are left, the longer changes are gathered. A rejected rule
is split until the offending word is isolated; that word is logged once and left out.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from tweetream.sources.base import Disconnected, FailureKind
from tweetream.sources.supervisor import MAX_NOT_BEFORE
from tweetream.sources.x.client import Client, Rejected, Rule
from tweetream.sources.x.problem import XProblem
from tweetream.sources.x.rules import MOST_RULES, Form, Plan, Terms, plan, words_of
from tweetream.sources.x.token_bucket import TokenBucket

T = TypeVar("T")
log = logging.getLogger(__name__)
INTERVAL = 1.0  # seconds between two comparisons with the topics
REREAD = 60.0  # seconds after which the rules are read again, since others may change them
SETTLE = 30.0  # seconds; X says that a rule takes effect within 20
MOST_IN_REQUEST = 100  # rules
RETRY = 15.0  # seconds after a request that failed
MAX_LOGGED = 10_000  # different lines that are remembered, so that each is logged once


class RuleSync:
    """The rules of one source. `tag` belongs to this deployment only."""

    def __init__(
        self,
        form: Form,
        tag: str,
        tracks: Callable[[], Mapping[str, tuple[str, ...]]],
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._form, self._tag, self._tracks, self._clock, self._wall = form, tag, tracks, clock, wall
        self.writes, self.reads = TokenBucket(40, 50, clock), TokenBucket(60, 300, clock)
        self._seen: Mapping[str, tuple[str, ...]] = {}
        self._normalised: tuple[Terms, list[str]] = (frozenset(), [])  # of `_seen`
        self._ours: dict[str, Terms | None] = {}
        self._since: dict[str, float] | None = None  # the time when each rule was seen first
        self._foreign: dict[str, Terms | None] = {}
        self._read_at: float | None = None  # None: the rules at X are not known
        self._written_at = float("-inf")
        self._synced: Terms | None = None  # the words that need no more requests
        self._split_limits: dict[str, int] = {}  # by word of a rejected rule: the most words of its next rule
        self._rejected: set[str] = set()
        self._duplicates: set[Terms] = set()  # rules that X does not make, since there are foreign ones like them
        self._most = MOST_RULES
        self._logged: set[str] = set()

    @property
    def any(self) -> bool:
        """Whether X has a rule for one of our words."""
        return bool(self._ours or self._covered())

    @property
    def exhausted(self) -> bool:
        """Whether no request is allowed for now."""
        return self.writes.left < 1 or self.reads.left < 1

    @property
    def missing(self) -> str:
        """The reason why there can be no rule yet; empty if there is none."""
        words, every = self._words()
        if words - self._rejected:
            return ""
        if words:
            return "it waits for a topic with words that X accepts"
        star = f" (X has no rule for every post, as {', '.join(sorted(every))[:60]} asks for)" if every else ""
        return "it waits for a topic with words for a rule" + star

    def forget(self) -> None:
        """Read the rules at X again in the next step."""
        self._read_at = None

    async def step(self, client: Client, *, now: bool = False) -> None:
        """Read the rules at X, if they are not known, and change them, if there is a change and it is time."""
        words, every = self._words()
        self._log_every_post(every)
        if (self._read_at is None or self._clock() - self._read_at >= REREAD) and self.reads.take():
            await self._read(client)
        if self._read_at is None or words == self._synced:
            return
        pause = INTERVAL * self.writes.burst / max(1.0, self.writes.left)
        if not now and self._clock() - self._written_at < pause:
            return
        self._split_limits = {term: most for term, most in self._split_limits.items() if term in words}
        self._rejected &= words
        wanted = words - self._rejected - self._covered()
        planned = plan(self._form, self._ours, wanted, self._most - len(self._foreign), self._split_limits)
        if planned.left_out:
            self._log_once(
                f"X allows {self._most} rules, {len(self._foreign)} are foreign: "
                f"no room for {len(planned.left_out)} words, such as {min(planned.left_out)!r}"
            )
        if planned.add or planned.delete:
            await self._change(client, planned, wanted)
        else:
            self._synced = words

    async def run(self, client: Client, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Repeat the step. A request that fails is tried later; meanwhile the stream goes on with the present rules."""
        while True:
            await sleep(INTERVAL)
            try:
                await self.step(client)
            except Disconnected as error:
                wait = max(RETRY, min(error.not_before - self._wall(), MAX_NOT_BEFORE))
                log.warning("the rules at X cannot be changed: %s; again in %.0f s", client.show(error), wait)
                self.forget()
                await sleep(wait)

    def _words(self) -> tuple[Terms, list[str]]:
        tracks = self._tracks()
        if tracks != self._seen:  # normalising the same words every second would waste CPU
            self._seen, self._normalised = dict(tracks), words_of(tracks)
        return self._normalised

    async def _read(self, client: Client) -> None:
        rules = await client.rules()
        # Rules found by the first read come from an earlier run, and have taken effect.
        seen = self._clock() if self._since is not None else float("-inf")
        self._since = {rule.id: (self._since or {}).get(rule.id, seen) for rule in rules}
        self._ours, self._foreign = {}, {}
        for rule in rules:
            ours = (rule.tag or "").startswith(self._tag)
            (self._ours if ours else self._foreign)[rule.id] = self._form.terms(rule.value)
        self._read_at, self._synced = self._clock(), None

    async def _change(self, client: Client, planned: Plan, wanted: Terms) -> None:
        """Add and delete while requests are allowed; later steps plan the rest."""
        self._synced = None
        crowded = len(self._ours) + len(self._foreign) + len(planned.add) > self._most
        delete = planned.delete if crowded else self._replaced(planned.delete, wanted)
        if delete or planned.add:
            self._written_at = self._clock()
        if crowded:
            await self._in_requests(self._delete, client, delete)
            await self._in_requests(self._add, client, planned.add)
        elif await self._in_requests(self._add, client, planned.add):
            await self._in_requests(self._delete, client, delete)

    def _replaced(self, ids: list[str], wanted: Terms) -> list[str]:
        """The rules among `ids` whose wanted words are all in other rules that have taken effect."""
        others, since = self._ours.keys() - set(ids), self._since or {}
        settled = [id for id in others if self._clock() - since[id] >= SETTLE]
        covered = frozenset().union(*(self._ours[id] or () for id in settled))
        return [id for id in ids if (self._ours[id] or frozenset()) & wanted <= covered]

    async def _in_requests(
        self, send: Callable[[Client, list[T]], Awaitable[None]], client: Client, items: list[T]
    ) -> bool:
        """Send the items in as many requests as needed; false if the rate limit allowed only some of them."""
        for start in range(0, len(items), MOST_IN_REQUEST):
            if not self.writes.take():
                return False
            try:
                await send(client, items[start : start + MOST_IN_REQUEST])
            except BaseException:
                self.forget()  # X may have applied the request
                raise
        return True

    async def _delete(self, client: Client, ids: list[str]) -> None:
        problems = await client.delete(ids)
        for id in ids:
            self._ours.pop(id, None)
        if problems:
            self.forget()

    async def _add(self, client: Client, rules: list[Terms]) -> None:
        by_value = {self._form.value(terms): terms for terms in rules}
        try:
            made, problems = await client.add(by_value, self._tag)
        except Rejected as error:
            if not any(problem.value in by_value or problem.is_cap for problem in error.problems):
                raise Disconnected(f"rules are not accepted: {error}", FailureKind.HTTP) from None
            made, problems = [], error.problems
        for rule in made:
            self._added(rule, by_value)
        for problem in problems:
            self._failed(problem, client.show(problem.line()), by_value)

    def _added(self, rule: Rule, by_value: Mapping[str, Terms]) -> None:
        terms = by_value.get(rule.value) or self._form.terms(rule.value)
        self._ours[rule.id] = terms
        self._since = (self._since or {}) | {rule.id: self._clock()}
        for term in terms or ():
            self._split_limits.pop(term, None)

    def _failed(self, problem: XProblem, reason: str, by_value: Mapping[str, Terms]) -> None:
        terms = by_value.get(problem.value or "")
        if problem.is_cap:
            self._most = max(1, len(self._ours) + len(self._foreign))
            self._log_once(f"X allows no more than {self._most} rules: {reason}")
        elif terms is None:
            self._log_once(f"X reports a problem with our rules: {reason}")
        elif problem.is_duplicate:  # a foreign rule, or ours if another program has changed it
            self._duplicates.add(terms)
            self.forget()
        elif len(terms) == 1:
            self._rejected |= terms
            self._log_once(f"X accepts no rule for {min(terms)!r}: {reason}")
        else:
            self._split_limits |= dict.fromkeys(terms, (len(terms) + 1) // 2)

    def _covered(self) -> Terms:
        """The words of foreign rules that are the same as ours would be. X does not allow the same rule twice."""
        return frozenset().union(*self._duplicates.intersection(filter(None, self._foreign.values())))

    def _log_every_post(self, every: list[str]) -> None:
        for name in every:
            self._log_once(f"topic {name}: X has no rule for every post; {name} gets the posts of other topics' rules")

    def _log_once(self, line: str) -> None:
        if line not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(line)
            log.warning("%s", line)
