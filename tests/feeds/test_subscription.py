"""A subscription while posts come and are retracted in any order: what its client shows in the end is right."""

import json
import random

import pytest
from support.records import post, subscription

from tweetream.feeds.record import Stamps
from tweetream.feeds.retractions import Retractions
from tweetream.feeds.ring import FeedRing
from tweetream.feeds.subscription import Subscription


class Client:
    """A client that shows the posts it gets; `began` is the offset where it began."""

    def __init__(self, subscription: Subscription, began: int) -> None:
        self.subscription, self.began = subscription, began
        self.shown: list[int] = []
        self.got: set[int] = set()
        self.retracted: list[int] = []

    def step(self) -> None:
        for delivery in self.subscription.ready():
            for retracted in delivery.retracted:
                self.retracted.append(int(retracted))
                self.shown = [one for one in self.shown if one != int(retracted)]
            for record in delivery.records:
                id = int(json.loads(record.data)["id"])
                assert id not in self.got, "it came twice"
                self.got.add(id)
                self.shown.append(id)


def play(chance: random.Random, known: Retractions, one: FeedRing, gone: set[int]) -> list[Client]:
    """At random: posts come, an old, new or later one is retracted, clients come or read on."""
    clients: list[Client] = []
    for _ in range(300):
        match chance.randrange(4):
            case 0:
                one.take([post(n, n) for n in range(one.end, one.end + chance.randrange(1, 5))])
            case 1:
                id = max(0, one.end + chance.randrange(-20, 5))
                gone.add(id)
                one.retract(known.add(str(id), 0), 0)
            case 2:
                clients.append(Client(subscription(one), one.end))
            case _ if clients:
                chance.choice(clients).step()
    return clients


@pytest.mark.parametrize("seed", range(20))
def test_in_the_end_a_client_shows_all_posts_that_were_not_retracted(seed: int) -> None:
    known, gone = Retractions(), set[int]()
    one = FeedRing("t", 0, Stamps(), known)
    for client in play(random.Random(seed), known, one, gone):
        while not client.subscription.caught_up:
            client.step()
        assert client.shown == [n for n in range(client.began, one.end) if n not in gone]
        assert set(client.retracted) <= gone and len(client.retracted) == len(set(client.retracted)), (
            "each once, and no other"
        )
        assert all(id < client.began or id in client.got for id in client.retracted), "no post that had not come yet"
