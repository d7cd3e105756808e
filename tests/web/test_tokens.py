"""The tokens that a worker knows: found whole, in constant time, and read again when their file changes."""

import hmac
import logging
import os
from pathlib import Path

import pytest

from tweetream.models.token import Role, new_token, read_key
from tweetream.settings import Settings
from tweetream.web.tokens import Tokens

AYU, AYU_LINE = new_token("ayu", Role.EDIT)
BUDI, BUDI_LINE = new_token("budi", Role.READ)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def test_each_token_has_its_name_and_role_and_a_read_key_only_reads(tmp_path: Path) -> None:
    write(tmp_path / "tokens", AYU_LINE.line, BUDI_LINE.line)
    tokens = Tokens(Settings(api_token="a-long-one", tokens=tmp_path / "tokens"))
    assert tokens.of(AYU.encode()) == ("ayu", Role.EDIT)
    assert tokens.of(BUDI.encode()) == ("budi", Role.READ)
    assert tokens.of(b"a-long-one") == ("token", Role.ADMIN)
    for wrong in (b"", b"x", AYU[:-1].encode(), AYU_LINE.hash.encode(), read_key(AYU.encode()).encode(), b"\xff"):
        assert tokens.of(wrong) is None
    assert tokens.of_read_key(read_key(AYU.encode())) == ("ayu", Role.READ)
    assert tokens.of_read_key(read_key(b"a-long-one")) == ("token", Role.READ)
    for key in ("", AYU, AYU_LINE.hash, "a-long-one", "\udcff"):
        assert tokens.of_read_key(key) is None


def test_no_comparison_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against an attacker that measures how much of a guess is right, or how many tokens precede one."""
    write(tmp_path / "tokens", AYU_LINE.line, BUDI_LINE.line)
    tokens = Tokens(Settings(tokens=tmp_path / "tokens"))
    compared: list[str] = []
    real = hmac.compare_digest

    def watched(one: str, other: str) -> bool:
        compared.append(other)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for guess in (AYU, BUDI, "x"):
        tokens.of(guess.encode())
        assert compared == [AYU_LINE.hash, BUDI_LINE.hash]
        compared.clear()


def test_the_file_is_read_again_when_it_changes_and_looked_at_once_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens", Clock()
    write(path, AYU_LINE.line)
    tokens = Tokens(Settings(tokens=path), clock)
    assert tokens.of(AYU.encode()) and not tokens.of(BUDI.encode())
    write(path, BUDI_LINE.line)
    assert tokens.of(AYU.encode()), "not looked at yet"
    clock.now = 1.0
    assert tokens.of(BUDI.encode()) and not tokens.of(AYU.encode()), "a line that is gone opens nothing"


def test_a_broken_file_keeps_the_last_good_tokens_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "tokens", Clock()
    write(path, AYU_LINE.line)
    tokens = Tokens(Settings(tokens=path), clock)
    assert tokens.of(AYU.encode())
    with caplog.at_level(logging.ERROR):
        for broken in ("ayu edit x", None, "\xff"):
            if broken is None:
                os.remove(path)
            else:
                path.write_bytes(broken.encode("latin-1"))
            for _ in range(3):
                clock.now += 1
                assert tokens.of(AYU.encode()) == ("ayu", Role.EDIT)
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert "line 1: the hash" in caplog.messages[0]
    write(path, BUDI_LINE.line)
    clock.now += 1
    assert tokens.of(BUDI.encode())
