"""docker-compose.yml: it is one, it says of workers what scaling needs, and Kafka runs with the settings it gives."""

import ipaddress
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from ruamel.yaml import YAML
from support import image
from support.kafka.apache_kafka import START_TIMEOUT, ApacheKafka
from support.kafka.jars import POM
from support.paths import ROOT
from typing_extensions import override

from tweetream.engine.worker import PATIENCE
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.models.messages import PREFIX
from tweetream.settings import Settings
from tweetream.web.limits import SPARE_FILES

COMPOSE = ROOT / "docker-compose.yml"
CADDYFILE = ROOT / "deploy" / "Caddyfile"
SCHEMA = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]


@cache
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE.read_text())["services"]
    return found


def default(value: object) -> str:
    """The value with `${NAME:-DEFAULT}` put in, as compose does where nothing is set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value))


def image_settings() -> dict[str, str]:
    """What the Dockerfile's ENV says."""
    (line,) = [rest for name, rest in image.instructions(image.DOCKERFILE.read_text()) if name == "ENV"]
    return dict(setting.split("=", 1) for setting in line.split())


def seconds(text: str) -> float:
    return float(text.removesuffix("s").removesuffix("m")) * (60 if text.endswith("m") else 1)


def test_it_is_a_compose_file_by_the_specification(tmp_path: Path) -> None:
    assert subprocess.run([*SCHEMA, COMPOSE], capture_output=True).returncode == 0
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("read_only: true", "read_olny: true"))
    assert subprocess.run([*SCHEMA, wrong], capture_output=True).returncode == 1, "the schema finds what is wrong"


def test_workers_can_be_scaled() -> None:
    worker = services()["worker"]
    assert worker["expose"] == ["6066"] and not {"ports", "container_name", "hostname"} & set(worker)
    assert all(":" not in volume for volume in worker["volumes"] if "/var/lib/tweetream" in volume), "shared by none"


def test_a_worker_starts_after_kafka_and_is_given_the_time_to_stop() -> None:
    worker = services()["worker"]
    assert worker["depends_on"]["kafka"]["condition"] == "service_healthy"
    assert seconds(worker["stop_grace_period"]) >= 2 * PATIENCE


def test_a_worker_can_write_to_its_data_and_nowhere_else() -> None:
    worker = services()["worker"]
    (user,) = [rest for name, rest in image.instructions(image.DOCKERFILE.read_text()) if name == "USER"]
    assert worker["user"] == user
    assert worker["read_only"] and worker["cap_drop"] == ["ALL"] and worker["tmpfs"] == ["/tmp"]
    assert all(volume.endswith(":ro") for volume in worker["volumes"] if ":" in volume)


def test_a_worker_has_every_setting_under_a_name_that_there_is_and_the_token_from_you() -> None:
    environment = services()["worker"]["environment"]
    assert environment["TWEETREAM_API_TOKEN"].startswith("${TWEETREAM_API_TOKEN:?"), "none without a token of its own"
    given = {name.removeprefix(PREFIX).lower(): default(value) for name, value in environment.items()}
    assert set(given) <= set(Settings.model_fields)
    settings = Settings.model_validate(given)  # refuses a value that is none
    assert settings.bootstrap == ["kafka:9092"] and "macet" in settings.topics
    image_has = {name: value for name, value in image_settings().items() if name in environment}
    assert image_has == {name: environment[name] for name in ("TWEETREAM_DATA_DIR", "TWEETREAM_WEB_HOST")}
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    names = {name.removeprefix(PREFIX).lower() for name in asked if name.startswith(PREFIX)}
    assert names <= set(given), "in .env a name of ours that is no setting stops a worker"


def test_the_sources_are_there_without_anything_set() -> None:
    (source,) = default(services()["worker"]["environment"]["TWEETREAM_SOURCES"]).split()
    (posts,) = [default(volume) for volume in services()["worker"]["volumes"] if ":/posts" in volume]
    folder, mounted, _ = posts.split(":")
    path = source.removeprefix("replay:").partition("?")[0]
    assert (ROOT / folder / Path(path).relative_to(mounted)).is_file()


def test_the_proxy_is_trusted_wherever_docker_puts_it() -> None:
    trusted = services()["worker"]["environment"]["TWEETREAM_TRUSTED_PROXIES"].split(",")
    networks = [ipaddress.ip_network(text) for text in trusted]
    for address in ("172.17.0.2", "172.31.255.1", "192.168.0.5", "192.168.240.3", "10.5.0.9", "fd12::7"):
        assert any(ipaddress.ip_address(address) in network for network in networks), address


def test_worker_and_proxy_may_open_as_many_files_as_there_may_be_streams() -> None:
    streams = Settings.model_fields["max_streams"].default
    assert int(default(services()["worker"]["ulimits"]["nofile"]["hard"])) >= streams + SPARE_FILES
    soft = int(default(services()["proxy"]["ulimits"]["nofile"]["soft"]))
    assert soft >= 2 * streams + SPARE_FILES, "a connection on each side"


def test_the_proxy_reads_our_file_and_finds_the_workers_by_their_service() -> None:
    proxy = services()["proxy"]
    (mount,) = [volume for volume in proxy["volumes"] if "Caddyfile" in volume]
    assert (ROOT / mount.split(":")[0]) == CADDYFILE and CADDYFILE.is_file()
    defaults = dict(re.findall(r"\{\$([A-Z]+):([^}]*)\}", CADDYFILE.read_text()))
    assert defaults["WORKERS"] in services() and defaults["PORT"] in services()["worker"]["expose"]
    assert default(proxy["environment"]["SITE"]) == defaults["SITE"]


def test_the_archiver_writes_where_the_workers_read() -> None:
    archive, worker = services()["archive"], services()["worker"]
    place = archive["environment"]["TWEETREAM_ARCHIVE"].removeprefix("sqlite:///")
    assert place == "/archive/posts.db" and archive["user"] == worker["user"]
    assert "archive:/archive" in archive["volumes"] and "archive:/archive:ro" in worker["volumes"]
    assert archive["networks"] == services()["kafka"]["networks"] and archive["profiles"] == ["archive"]


def test_nothing_of_kafka_is_open_to_others() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["proxy"]
    everything = YAML(typ="safe").load(COMPOSE.read_text())
    used = {name: set(service["networks"]) for name, service in services().items()}
    assert not used["kafka"] & used["proxy"], "a proxy that was broken into reaches no broker without a password"
    assert used["worker"] == used["kafka"] | used["proxy"] == set(everything["networks"])
    assert all(everything["networks"][name] == {"internal": True} for name in used["kafka"])


@pytest.mark.parametrize("name", ["kafka", "worker", "archive", "proxy"])
def test_a_container_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert not {"privileged", "pid", "ipc", "devices", "userns_mode", "network_mode"} & set(service)
    assert not any("docker.sock" in volume for volume in service["volumes"])
    assert name == "kafka" or (service["read_only"] and service["tmpfs"] == ["/tmp"])


def test_kafka_is_the_release_that_the_tests_run_on() -> None:
    (version,) = re.findall(r"<kafka\.version>([\d.]+)<", POM.read_text())
    assert services()["kafka"]["image"].partition("@")[0] == f"apache/kafka:{version}"


class Composed(ApacheKafka):
    """Apache Kafka with the settings that the image makes of the environment; here on this machine's loopback."""

    @override
    def _properties(self, i: int) -> str:
        environment = services()["kafka"]["environment"]
        lines = "".join(
            f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}\n"
            for name, value in environment.items()
            if name.startswith("KAFKA_")
        )
        ports = {"kafka:9092": f"127.0.0.1:{self.ports[i]}", "kafka:9093": f"127.0.0.1:{self._controllers[i]}"}
        for name, here in ports.items():
            lines = lines.replace(name, here)
        return lines.replace("/var/lib/kafka/data", str(self.folder / "data"))

    @override
    def _format(self) -> None:
        identity = services()["kafka"]["environment"]["CLUSTER_ID"]
        self.java("kafka.tools.StorageTool", "format", "-t", identity, "-c", "0.properties")

    @override
    def _wait(self, i: int, wanted: set[int]) -> None:
        super()._wait(i, {services()["kafka"]["environment"]["KAFKA_NODE_ID"]})

    def java(self, *arguments: str) -> str:
        """Run a tool of Kafka's to its end; what it says."""
        assert self._java(0, *arguments).wait(START_TIMEOUT) == 0, arguments
        return (self.folder / "0.out").read_text()


@pytest.mark.kafka
async def test_kafka_starts_with_these_settings_is_healthy_and_makes_no_topic_by_itself() -> None:
    with Composed() as broker:
        test = services()["kafka"]["healthcheck"]["test"]
        assert test[:4] == ["CMD", "/opt/kafka/bin/kafka-cluster.sh", "cluster-id", "--bootstrap-server"]
        said = broker.java("org.apache.kafka.tools.ClusterTool", "cluster-id", "--bootstrap-server", broker.bootstrap)
        assert services()["kafka"]["environment"]["CLUSTER_ID"] in said
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=2000) as producer:
            with pytest.raises(KafkaError):
                await producer.send_and_wait("nobody-made-this", b"x")
        connection = Connection((broker.bootstrap,))
        await admin.create(connection, [admin.TopicSpec("made", 1)], replication=1)
        assert await admin.names(connection) == {"made"}
