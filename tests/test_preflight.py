"""What can be known to be wrong before anything starts ends the worker with one line."""

from pathlib import Path
from typing import Any

import pytest

from tweetream.models.token import Role, new_token
from tweetream.preflight import check
from tweetream.settings import Settings


def refused(capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    with pytest.raises(SystemExit) as ended:
        check(Settings(**given))
    line = capsys.readouterr().err
    assert ended.value.code == 2 and line.startswith("tweetream: TWEETREAM_") and line.count("\n") == 1
    return line


def test_a_file_of_tokens_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens"
    assert "No such file" in refused(capsys, tokens=path)
    path.write_text("ayu admin 0000\n")
    assert f"{path}: line 1: the hash is not" in refused(capsys, tokens=path)
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: " in refused(capsys, tokens=path)
    path.write_text(new_token("ayu", Role.ADMIN)[1].line)
    path.chmod(0o600)
    check(Settings(tokens=path, read="token"))
    assert capsys.readouterr().err == ""
    for mode, what in ((0o644, "can read the names"), (0o602, "can change it")):
        path.chmod(mode)
        check(Settings(tokens=path))
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"{path}: every user of this machine {what}" in said and "chmod 600" in said


def test_reading_by_token_needs_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert "set TWEETREAM_TOKENS or TWEETREAM_API_TOKEN" in refused(capsys, read="token")
    check(Settings(read="token", api_token="x"))


def test_a_model_is_a_file_or_a_shipped_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    check(Settings(model=Path("traffic-kinds")))
    assert "TWEETREAM_MODEL: there is no file" in refused(capsys, model=tmp_path / "traffic-kinds")


def test_two_servers_need_two_ports(capsys: pytest.CaptureFixture[str]) -> None:
    assert "another port" in refused(capsys, metrics_port=7000, web_port=7000)


def test_the_settings_cannot_name_more_topics_than_they_allow(capsys: pytest.CaptureFixture[str]) -> None:
    assert "TWEETREAM_MAX_TOPICS allows (2)" in refused(capsys, topics="a,b,c", max_topics=2)
    check(Settings(topics="a,b,b", max_topics=2))
