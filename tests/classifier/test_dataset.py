"""Labelled posts: balanced and split."""

from collections import Counter

from tweetream.classifier.dataset import LabelledPost, balance, folds


def test_balanced_posts_have_as_many_of_each_label() -> None:
    posts = [LabelledPost(f"{i}", "ab"[i % 10 == 0]) for i in range(100)]
    assert Counter(post.label for post in balance(posts)) == {"a": 10, "b": 10}


def test_each_post_is_tested_once_and_families_and_equal_texts_stay_together() -> None:
    posts = [LabelledPost(f"teks {i}", "ab"[i % 2], f"family {i // 5}") for i in range(200)]
    posts += [LabelledPost(f"sama {i % 7}", "a") for i in range(70)]
    tested: Counter[int] = Counter()
    for training, testing in folds(posts, 5):
        tested.update(testing)
        assert set(training) | set(testing) == set(range(len(posts)))
        for key in ("family", "text"):
            one, other = ({getattr(posts[i], key) for i in side} - {""} for side in (training, testing))
            assert not one & other
    assert set(tested.values()) == {1} and len(tested) == len(posts)
