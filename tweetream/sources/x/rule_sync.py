"""Keeps the rules that X has of ours in step with the active topics, within what X allows in a quarter of an hour.

Duty: look at the topics, plan (`x_rules.py`), add, and delete when what replaces a rule has taken effect, so that no
word is without one meanwhile. Ours are the rules whose tag begins with our prefix; others are never touched. Changes
are gathered: the more of what X allows is used up, the longer. A rule that X does not take is parted until the word
that it minds stands alone; that word is named in the log, once, and left out.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from tweetream.sources.base import Disconnected, FailureKind
from tweetream.sources.x.client import Client, Problem, Rejected, Rule, is_cap, is_duplicate
from tweetream.sources.x.rules import MOST_RULES, Form, Plan, Terms, plan, words_of

T = TypeVar("T")
log = logging.getLogger(__name__)
LOOK = 1.0  # seconds between two looks at the topics
REREAD = 60.0  # seconds after which the rules are read again, since others may change them
SETTLE = 30.0  # seconds; X says that a rule takes effect within 20
AT_ONCE = 100  # rules of a request
WINDOW = 900.0  # the seconds in which X counts; it allows 100 writes, 450 reads and 50 connections
RETRY = 15.0  # seconds after a request that failed


class TokenBucket:
    """So many at once, and so many more in WINDOW, evenly: together less than X allows."""

    def __init__(self, burst: int, refill: int, clock: Callable[[], float]) -> None:
        self.burst, self._rate, self._clock = burst, refill / WINDOW, clock
        self._left, self._at = float(burst), clock()

    @property
    def left(self) -> float:
        now = self._clock()
        self._left, self._at = min(self.burst, self._left + (now - self._at) * self._rate), now
        return self._left

    def take(self) -> bool:
        if self.left < 1:
            return False
        self._left -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until there is one."""
        return max(0.0, (1 - self.left) / self._rate)


class RuleSync:
    """The rules of one source. `tag` is ours and of no other deployment."""

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
        self._asked: tuple[Terms, list[str]] = (frozenset(), [])
        self._ours: dict[str, Terms | None] = {}
        self._since: dict[str, float] | None = None  # when each rule was seen first
        self._strangers: dict[str, Terms | None] = {}
        self._read_at: float | None = None  # None: what X has is not known
        self._written_at = float("-inf")
        self._done: Terms | None = None  # the words that need no more requests
        self._apart: dict[str, int] = {}  # words of rules that X did not take: how many may be together
        self._rejected: set[str] = set()
        self._elsewhere: set[Terms] = set()  # X says that others have these rules
        self._most = MOST_RULES
        self._said: set[str] = set()

    @property
    def any(self) -> bool:
        """Whether X has a rule for a word of ours."""
        return bool(self._ours or self._covered())

    @property
    def exhausted(self) -> bool:
        """Whether it may ask nothing more for now."""
        return self.writes.left < 1 or self.reads.left < 1

    @property
    def waits(self) -> str:
        """What is missing for there to be a rule; empty if nothing is."""
        words, every = self._words()
        if words - self._rejected:
            return ""
        if words:
            return "it waits for a topic with words that X takes"
        star = f" (it cannot be asked for every post, as {', '.join(sorted(every))[:60]} wants)" if every else ""
        return "it waits for a topic with words that X can be asked for" + star

    def forget(self) -> None:
        """What X has is to be read again."""
        self._read_at = None

    async def step(self, client: Client, *, now: bool = False) -> None:
        """One look: read what X has, if that is not known, and change it, if there is a change and it is time."""
        words, every = self._words()
        self._say_what_is_not_asked(every)
        if (self._read_at is None or self._clock() - self._read_at >= REREAD) and self.reads.take():
            await self._read(client)
        if self._read_at is None or words == self._done:
            return
        pause = LOOK * self.writes.burst / max(1.0, self.writes.left)
        if not now and self._clock() - self._written_at < pause:
            return
        self._apart = {term: most for term, most in self._apart.items() if term in words}
        self._rejected &= words
        wanted = words - self._rejected - self._covered()
        planned = plan(self._form, self._ours, wanted, self._most - len(self._strangers), self._apart)
        if planned.left_out:
            self._say_once(
                f"X allows {self._most} rules, {len(self._strangers)} are of others: "
                f"no room for {len(planned.left_out)} words, such as {min(planned.left_out)!r}"
            )
        if planned.add or planned.delete:
            await self._change(client, planned, wanted)
        else:
            self._done = words

    async def keep(self, client: Client, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Look again and again. A request that fails is tried later: the stream goes on with the rules there are."""
        while True:
            await sleep(LOOK)
            try:
                await self.step(client)
            except Disconnected as error:
                wait = max(RETRY, error.not_before - self._wall())
                log.warning("the rules at X cannot be changed: %s; again in %.0f s", error, wait)
                self.forget()
                await sleep(wait)

    def _words(self) -> tuple[Terms, list[str]]:
        tracks = self._tracks()
        if tracks != self._seen:  # the same words are not normalised every second
            self._seen, self._asked = dict(tracks), words_of(tracks)
        return self._asked

    async def _read(self, client: Client) -> None:
        rules = await client.rules()
        # What is there at the first look is from an earlier life, and in effect.
        seen = self._clock() if self._since is not None else float("-inf")
        self._since = {rule.id: (self._since or {}).get(rule.id, seen) for rule in rules}
        self._ours, self._strangers = {}, {}
        for rule in rules:
            mine = (rule.tag or "").startswith(self._tag)
            (self._ours if mine else self._strangers)[rule.id] = self._form.terms(rule.value)
        self._read_at, self._done = self._clock(), None

    async def _change(self, client: Client, planned: Plan, wanted: Terms) -> None:
        """Add and delete, for as long as the budget lasts; later looks plan what is left."""
        self._done = None
        crowded = len(self._ours) + len(self._strangers) + len(planned.add) > self._most
        delete = planned.delete if crowded else self._replaced(planned.delete, wanted)
        if delete or planned.add:
            self._written_at = self._clock()
        if crowded:
            await self._in_parts(self._delete, client, delete)
            await self._in_parts(self._add, client, planned.add)
        elif await self._in_parts(self._add, client, planned.add):
            await self._in_parts(self._delete, client, delete)

    def _replaced(self, ids: list[str], wanted: Terms) -> list[str]:
        """Those of these rules that have no word still wanted without another rule in effect."""
        others, since = self._ours.keys() - set(ids), self._since or {}
        settled = [id for id in others if self._clock() - since[id] >= SETTLE]
        covered = frozenset().union(*(self._ours[id] or () for id in settled))
        return [id for id in ids if (self._ours[id] or frozenset()) & wanted <= covered]

    async def _in_parts(self, do: Callable[[Client, list[T]], Awaitable[None]], client: Client, what: list[T]) -> bool:
        """Whether all of it was asked."""
        for start in range(0, len(what), AT_ONCE):
            if not self.writes.take():
                return False
            try:
                await do(client, what[start : start + AT_ONCE])
            except BaseException:
                self.forget()  # it may have been done
                raise
        return True

    async def _delete(self, client: Client, ids: list[str]) -> None:
        problems = await client.delete(ids)
        for id in ids:
            self._ours.pop(id, None)
        if problems:
            self.forget()

    async def _add(self, client: Client, rules: list[Terms]) -> None:
        asked = {self._form.value(terms): terms for terms in rules}
        try:
            made, problems = await client.add(asked, self._tag)
        except Rejected as error:
            if not any(problem.value in asked or is_cap(problem) for problem in error.problems):
                raise Disconnected(f"rules are not taken: {error}", FailureKind.HTTP) from None
            made, problems = [], error.problems
        for rule in made:
            self._made(rule, asked)
        for problem in problems:
            self._problem(problem, asked)

    def _made(self, rule: Rule, asked: Mapping[str, Terms]) -> None:
        terms = asked.get(rule.value) or self._form.terms(rule.value)
        self._ours[rule.id] = terms
        self._since = (self._since or {}) | {rule.id: self._clock()}
        for term in terms or ():
            self._apart.pop(term, None)

    def _problem(self, problem: Problem, asked: Mapping[str, Terms]) -> None:
        terms = asked.get(problem.value or "")
        if is_cap(problem):
            self._most = max(1, len(self._ours) + len(self._strangers))
            self._say_once(f"X allows no more than {self._most} rules: {problem.line()}")
        elif terms is None:
            self._say_once(f"X says of our rules: {problem.line()}")
        elif is_duplicate(problem):  # ours, if somebody changed them meanwhile, or a stranger's
            self._elsewhere.add(terms)
            self.forget()
        elif len(terms) == 1:
            self._rejected |= terms
            self._say_once(f"X takes no rule for {min(terms)!r}: {problem.line()}")
        else:
            self._apart |= dict.fromkeys(terms, (len(terms) + 1) // 2)

    def _covered(self) -> Terms:
        """The words of strangers' rules that are exactly what ours would be: X has no rule twice."""
        return frozenset().union(*self._elsewhere.intersection(filter(None, self._strangers.values())))

    def _say_what_is_not_asked(self, every: list[str]) -> None:
        for name in every:
            self._say_once(
                f"topic {name}: X cannot be asked for every post; {name} gets what other topics' words bring"
            )

    def _say_once(self, line: str) -> None:
        if line not in self._said and len(self._said) < 10_000:
            self._said.add(line)
            log.warning("%s", line)
