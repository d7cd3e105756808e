"""Variables that Kubernetes sets for Services stop no worker; a misspelt setting still does."""

from pathlib import Path

import pytest
from support.settings import nothing_set, refused

from tweetream.models.messages import PREFIX
from tweetream.settings import Settings, load


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)


SERVICES = ("", "KAFKA_", "WORKER_", "WEB_", "KAFKA_BOOTSTRAP_", "WEB_2_", "SERVICE_", "PORT_", "FAUST_")
OF_A_SERVICE = {  # as Kubernetes sets them for a Service with two ports, one of which has a name
    "SERVICE_HOST": "10.96.0.17", "SERVICE_PORT": "9092", "SERVICE_PORT_KAFKA": "9092", 
    "SERVICE_PORT_METRICS_2": "9404",
    "PORT": "tcp://10.96.0.17:9092", "PORT_9092_TCP": "tcp://10.96.0.17:9092", "PORT_9092_TCP_PROTO": "tcp",
    "PORT_9092_TCP_PORT": "9092", "PORT_9092_TCP_ADDR": "10.96.0.17", "PORT_53_UDP": "udp://10.96.0.17:53",
    "PORT_53_UDP_PROTO": "udp", "PORT_53_UDP_ADDR": "10.96.0.17", "PORT_7_SCTP": "sctp://[fd00::11]:7",
    "PORT_7_SCTP_ADDR": "fd00::11",
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_what_kubernetes_sets_for_a_service_of_a_like_name_stops_no_worker(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    default = Settings()
    for name, value in OF_A_SERVICE.items():
        monkeypatch.setenv(f"{PREFIX}{service}{name}", value)
    assert load() == default
    said = capsys.readouterr().err
    assert said.count("\n") == (service == "WEB_"), "only a name that is also a setting's is told"
    assert service != "WEB_" or "TWEETREAM_WEB_PORT=tcp://10.96.0.17:9092" in said
    assert load() == default and capsys.readouterr().err == "", "once"


@pytest.mark.parametrize("name", ["WEB_PORT", "METRICS_PORT"])
def test_a_setting_that_kubernetes_overwrites_keeps_what_the_env_file_says(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".env").write_text(f"TWEETREAM_{name}=7001\n")
    monkeypatch.setenv(PREFIX + name, "tcp://[fd00::11]:6066")
    assert getattr(load(), name.lower()) == 7001
    said = capsys.readouterr().err
    assert said.startswith(f"tweetream: TWEETREAM_{name}=tcp://") and said.count("\n") == 1 and "set it" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "7000"), ("WEBPORT", "tcp://10.0.0.1:80"), ("WEB_PORTS", "tcp://10.0.0.1:80"), ("KAFKA_PORT", "9092"),
        ("KAFKA_HOST", "10.0.0.1"), ("KAFKA_SERVICE", "10.0.0.1"), ("KAFKA_SERVICE_HOST", "kafka"),
        ("KAFKA_SERVICE_PORT", "tcp"), ("KAFKA_PORT_9092", "tcp://10.0.0.1:9092"), ("KAFKA_PORT", "tcp://kafka:9092"),
        ("WORKER_PORT", "http://10.0.0.1:80"), ("KAFKA_PORT_9092_TCP_NAME", "a"), ("KAFKA_PORT_9092_TCP", "9092"),
    ],
)  # fmt: skip
def test_a_misspelt_setting_is_not_taken_for_one_of_kubernetes(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    assert f"unknown setting {PREFIX}{name}" in refused(capsys)
