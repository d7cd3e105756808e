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
    """What a client does with the events it gets; `began` is where it began."""

    def __init__(self, subscription: Subscription, began: int) -> None:
        self.subscription, self.began = subscription, began
        self.shown: list[int] = []
        self.got: set[int] = set()
        self.told: list[int] = []

    def step(self) -> None:
        for delivery in self.subscription.ready():
            for retracted in delivery.retracted:
                self.told.append(int(retracted))
                self.shown = [one for one in self.shown if one != int(retracted)]
            for record in delivery.records:
                id = int(json.loads(record.data)["id"])
                assert id not in self.got, "it came twice"
                self.got.add(id)
                self.shown.append(id)


def play(chance: random.Random, known: Retractions, one: FeedRing, gone: set[int]) -> list[Client]:
    """Something happens: posts come, one of any age or of the next is taken back, clients come or go on."""
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
def test_in_the_end_a_client_shows_all_that_came_and_was_not_taken_back(seed: int) -> None:
    known, gone = Retractions(), set[int]()
    one = FeedRing("t", 0, Stamps(), known)
    for client in play(random.Random(seed), known, one, gone):
        while not client.subscription.caught_up:
            client.step()
        assert client.shown == [n for n in range(client.began, one.end) if n not in gone]
        assert set(client.told) <= gone and len(client.told) == len(set(client.told)), "each once, and no other"
        assert all(id < client.began or id in client.got for id in client.told), "nothing that was yet to come"
