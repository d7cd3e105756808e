"""`POST /classify` of a running worker, and a model of one's own with its own labels, in feeds and answers."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.waiting import until
from support.workers import Worker, workers

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.model import Classifier
from tweetream.classifier.training import clean, save, train

WORDS = {
    "wetter": ["regen", "sonne", "wolken", "sturm", "schnee", "gewitter", "nebel", "frost", "hagel", "wind"],
    "sport": ["tor", "spiel", "trainer", "liga", "pokal", "abseits", "elfmeter", "sieg", "niederlage", "verein"],
    "verkehr": [
        "stau",
        "autobahn",
        "unfall",
        "sperrung",
        "umleitung",
        "baustelle",
        "ampel",
        "tunnel",
        "kreuzung",
        "spur",
    ],
}


def german(number: int, seed: int) -> list[LabelledPost]:
    """Posts of three labels."""
    chosen = random.Random(seed)
    filler = [
        "heute",
        "morgen",
        "wieder",
        "hier",
        "bei",
        "uns",
        "in",
        "berlin",
        "leider",
        "sehr",
        "viel",
        "und",
        "kein",
    ]
    return [
        LabelledPost(" ".join(chosen.sample(words, 3) + chosen.sample(filler, 4)), label)
        for label, words in WORDS.items()
        for _ in range(number)
    ]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that serves a model of three labels."""
    from tweetream.kafka.embedded import EmbeddedBroker

    folder = tmp_path_factory.mktemp("classify")
    save(train(clean(german(60, 1))), folder / "german.safetensors")
    file = folder / "posts.txt"
    file.write_text("".join(f"{post.text}\n" for post in german(20, 2)))
    settings = {
        "SOURCES": f"replay:{file}?rate=0",
        "TOPICS": "berlin",
        "MODEL": str(folder / "german.safetensors"),
    }
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "classify", folder, **settings) as group:
        yield group[0]


def ask(worker: Worker, body: object) -> httpx.Response:
    return httpx.post(f"{worker.url}/classify", json=body, timeout=20)


def test_a_model_of_three_labels_in_another_language_labels_the_posts_of_a_feed(worker: Worker) -> None:
    expected: dict[str, int] = {}
    for post in german(20, 2):
        if "berlin" in post.text.split():
            expected[post.label] = expected.get(post.label, 0) + 1
    assert len(expected) == 3
    until(lambda: worker.count("berlin") == sum(expected.values()), 30, "all posts")
    assert httpx.get(f"{worker.url}/topics/berlin").json()["posts"] == expected


def test_each_text_gets_its_label_and_words_whose_weights_and_bias_are_the_decision(worker: Worker) -> None:
    texts = ["STAU auf der Autobahn", "Regen und Sturm", "", "asing 🚗", "Elfmeter, Sieg!"]
    answers = ask(worker, {"texts": texts}).json()
    assert [answers[i]["label"] for i in (0, 1, 4)] == ["verkehr", "wetter", "sport"]
    for answer in answers:
        assert answer["bias"] + sum(weight for _, weight in answer["words"]) == pytest.approx(answer["decision"])
        assert answer["label"] is None or 1 / 3 - 1e-9 <= answer["score"] <= 1
    assert [answers[i]["label"] for i in (2, 3)] == [answers[i]["score"] for i in (2, 3)] == [None, None]
    assert [word for word, _ in answers[0]["words"]] == ["stau", "auf", "der", "autobahn"]
    assert max(answers[0]["words"], key=lambda word: word[1])[0] in ("stau", "autobahn")


def test_the_model_is_named_and_all_its_scores_are_given_where_wanted(worker: Worker) -> None:
    model = httpx.get(f"{worker.url}/model").json()
    assert (model["name"], model["threshold"]) == ("german.safetensors", 0)
    assert sorted(model["labels"]) == ["sport", "verkehr", "wetter"] and len(model["sha256"]) == 64
    answer = httpx.post(f"{worker.url}/classify?scores=true", json={"texts": ["STAU auf der Autobahn", ""]}).json()
    assert sum(answer[0]["scores"].values()) == pytest.approx(1) and answer[1]["scores"] is None
    assert answer[0]["scores"]["verkehr"] == answer[0]["score"]
    assert httpx.post(f"{worker.url}/classify?scores=maybe", json={"texts": []}).status_code == 400
    assert httpx.get(f"{worker.url}/model?x=1").status_code == 400


def test_the_answer_is_what_the_model_says_alone(worker: Worker, tmp_path: Path) -> None:
    texts = [post.text for post in german(5, 3)]
    save(train(clean(german(60, 1))), tmp_path / "same.safetensors")
    labels, scores = Classifier.load(tmp_path / "same.safetensors").predict(texts)
    answers = ask(worker, {"texts": texts}).json()
    assert [answer["label"] for answer in answers] == labels
    assert [answer["score"] for answer in answers] == pytest.approx(scores)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"texts": ["macet"] * 100}, 200),
        ({"texts": []}, 200),
        ({"texts": ["macet"] * 101}, 400),
        ({"texts": "macet"}, 400),
        ({"texts": [1]}, 400),
        ({"texts": ["a"], "more": 1}, 400),
        ({}, 400),
        ([], 400),
        ({"texts": ["macet " * 200_000]}, 413),
    ],
)
def test_a_hundred_texts_are_answered_and_anything_else_is_a_problem(worker: Worker, body: object, status: int) -> None:
    answer = ask(worker, body)
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()) == len(body["texts"])  # type: ignore[index,call-overload]
    else:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json()["detail"]
