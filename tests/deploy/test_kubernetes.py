"""deploy/kubernetes: valid by Kubernetes' own schemas and those of the operators, and right for our workers."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support import image
from support.paths import ROOT
from support.settings import nothing_set

from tweetream.engine.worker import PATIENCE
from tweetream.settings import Settings, load

FOLDER = ROOT / "deploy" / "kubernetes"
CRDS = Path(__file__).with_name("crds")
MANIFESTS = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")
KUSTOMIZATIONS = sorted(FOLDER.rglob("kustomization.yaml"))
COMPONENT = {"app.kubernetes.io/component": "worker"}


def documents(text: str) -> list[dict[str, Any]]:
    return [found for found in YAML(typ="safe", pure=True).load_all(text) if found]


@cache
def everything() -> dict[tuple[str, str], dict[str, Any]]:
    """Each object by its kind and name."""
    found = [one for path in MANIFESTS for one in documents(path.read_text())]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def strict(schema: Any) -> Any:
    """The schema with names that it does not know refused, as the API server warns of them."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items() if name != "format"}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def refusal(manifest: dict[str, Any]) -> str:
    """Why a cluster would refuse it, or which name in it no cluster knows; empty when it is right."""
    # A second of work when they are imported, which every process of a run would do to collect this file.
    import jsonschema
    import kubernetes_validate

    crd = CRDS / f"{manifest['kind']}.json"
    try:
        if crd.exists():
            jsonschema.validate(manifest, strict(json.loads(crd.read_text())))
        else:
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_each_object_is_valid_and_a_wrong_name_is_found(path: Path) -> None:
    for manifest in documents(path.read_text()):
        assert refusal(manifest) == ""
        assert "replcias" in refusal(manifest | {"spec": manifest["spec"] | {"replcias": 1}})


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_each_kustomization_names_files_that_are_there(path: Path) -> None:
    (content,) = documents(path.read_text())
    generated = [env for one in content.get("configMapGenerator", []) for env in one.get("envs", [])]
    for name in (*content.get("resources", []), *content.get("components", []), *generated):
        assert (path.parent / name).exists(), name


def test_a_worker_is_not_root_and_writes_to_its_data_alone() -> None:
    pod = everything()["Deployment", "tweetream"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (user,) = [rest for name, rest in image.instructions(image.DOCKERFILE.read_text()) if name == "USER"]
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == user
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    own = container["securityContext"]
    assert own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
    assert not own["allowPrivilegeEscalation"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert mounts == {"/tmp", environment["TWEETREAM_DATA_DIR"]}


def test_the_probes_ask_what_a_worker_answers_and_its_stop_fits_into_the_grace_period() -> None:
    pod = everything()["Deployment", "tweetream"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert probes == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    (_, pause) = container["lifecycle"]["preStop"]["exec"]["command"]
    assert int(pause) + 2 * PATIENCE < pod["terminationGracePeriodSeconds"]
    assert not pod["enableServiceLinks"], "a Service tweetream gives variables that look like settings"


def test_the_settings_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)
    given = dict(line.split("=", 1) for line in (FOLDER / "base" / "settings.env").read_text().splitlines())
    (container,) = everything()["Deployment", "tweetream"]["spec"]["template"]["spec"]["containers"]
    given |= {one["name"]: one["value"] for one in container["env"]}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.web_host == "::" and settings.bootstrap == ["tweetream-kafka-bootstrap:9092"]
    assert container["ports"][0]["containerPort"] == settings.web_port


def test_as_many_workers_as_partitions_are_the_most_and_the_lag_is_that_of_our_group() -> None:
    scaler = everything()["ScaledObject", "tweetream"]["spec"]
    settings = (FOLDER / "base" / "settings.env").read_text()
    (partitions,) = re.findall(r"PARTITIONS=(\d+)", settings)
    assert (scaler["minReplicaCount"], scaler["maxReplicaCount"]) == (1, int(partitions))
    namespace = Settings.model_fields["namespace"].default
    asked = [trigger["metadata"] for trigger in scaler["triggers"]]
    assert {one["consumerGroup"] for one in asked} == {namespace}
    assert {one["topic"] for one in asked} == {f"{namespace}-posts", f"{namespace}-tagged"}


def test_every_selector_finds_the_workers() -> None:
    labels = everything()["Deployment", "tweetream"]["spec"]["template"]["metadata"]["labels"]
    assert labels == COMPONENT
    for kind, name in (("Service", "tweetream"), ("Service", "tweetream-workers")):
        assert everything()[kind, name]["spec"]["selector"] == COMPONENT
    assert everything()["PodDisruptionBudget", "tweetream"]["spec"]["selector"]["matchLabels"] == COMPONENT
    assert everything()["NetworkPolicy", "tweetream"]["spec"]["podSelector"]["matchLabels"] == COMPONENT


def test_the_operators_rules_are_those_of_prometheus() -> None:
    (rules,) = documents((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    assert everything()["PrometheusRule", "tweetream"]["spec"] == rules


@pytest.mark.soak
@pytest.mark.parametrize("overlay", ["small", "full"])
def test_kustomize_builds_each_overlay_and_all_of_it_is_valid(overlay: str) -> None:
    assert shutil.which("kubectl"), "kubectl is needed"
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
    built = documents(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for manifest in built:
        assert refusal(manifest) == ""
        assert manifest["metadata"]["namespace"] == "tweetream"
    (deployment,) = [one for one in built if one["kind"] == "Deployment"]
    assert ("replicas" in deployment["spec"]) == (overlay == "small"), "KEDA says how many"
    config = next(one for one in built if one["kind"] == "ConfigMap")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"][0]["configMapRef"]["name"] == config["metadata"]["name"]
