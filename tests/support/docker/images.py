"""Stand-ins for the images that docker-compose.yml pulls, made on this machine, for an engine that reaches no registry.

| image | stands in |
| --- | --- |
| python | Debian's Python 3.11 in a base made by debootstrap, with this machine's certificates and pip settings |
| apache/kafka | the same release from its Maven artifacts on that base, configured by the image's own code |
| caddy | the same release built from its Go module, on that base |

Each gets the tag and the digest of the image that it stands for, in the engine's list of names. So Dockerfile and
docker-compose.yml run without a change. Nothing leaves the engine's folder.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.docker.engine import Engine, run
from support.kafka import jars
from support.paths import ROOT

COMPOSE_MODULE = "github.com/docker/compose/v2@v2.40.3"
CADDY_MODULE = "github.com/caddyserver/caddy/v2/cmd/caddy"
BASE = "debian:bookworm"
_HERE = Path(__file__).parent
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_PINNED = re.compile(r"([a-z/]+):([0-9a-z.-]+)@(sha256:[0-9a-f]{64})")
_LEGACY = {"DOCKER_BUILDKIT": "0"}  # a client without its plugin for BuildKit builds these


def pinned() -> dict[str, tuple[str, str]]:
    """The images that our files pin: by name the tag and the digest."""
    texts = [(ROOT / name).read_text() for name in ("Dockerfile", "docker-compose.yml")]
    return {name: (tag, digest) for text in texts for name, tag, digest in _PINNED.findall(text)}


def install_compose(engine: Engine) -> str:
    """Give the client the plugin, if it has none; its version."""
    if subprocess.run(["docker", "compose", "version"], env=engine.environment, capture_output=True).returncode:
        plugins = engine.config / "cli-plugins"
        plugins.mkdir()
        version = COMPOSE_MODULE.partition("@")[2]
        flags = f"-s -w -X {COMPOSE_MODULE.partition('@')[0]}/internal.Version={version}"
        # Its go.mod excludes releases, and then Go builds it only in a folder of its own.
        found = json.loads(_go("mod", "download", "-json", COMPOSE_MODULE))
        source = shutil.copytree(found["Dir"], engine.folder / "compose", copy_function=shutil.copyfile)
        run(["chmod", "-R", "u+w", str(source)], os.environ, 60)
        _go("build", "-trimpath", f"-ldflags={flags}", "-o", str(plugins / "docker-compose"), "./cmd", cwd=Path(source))
        shutil.rmtree(source)
    return engine.docker("compose", "version", "--short").strip()


def _go(*arguments: str, cwd: Path | None = None, **variables: str) -> str:
    """Go keeps the modules and what it compiled where it always does, so that the next time is shorter."""
    return run(["go", *arguments], {**os.environ, "GOFLAGS": "", **variables}, timeout=1800, cwd=cwd)


def make(engine: Engine) -> None:
    """Have a stand-in for each pinned image. The engine runs; it is started again, since only then it reads names."""
    images = pinned()
    assert set(images) == {"python", "apache/kafka", "caddy"}, "an image has no stand-in"
    tags = {name: f"{name}:{tag}" for name, (tag, _) in images.items()}
    _make_base(engine)
    engine.docker("tag", BASE, tags["python"])
    _build(engine, "kafka", tags["apache/kafka"], _kafka_jars(engine.folder))
    module = f"{CADDY_MODULE}@v{images['caddy'][0]}"
    _go("install", "-trimpath", "-ldflags=-s -w", module, GOBIN=str(engine.folder / "go"))
    _build(engine, "caddy", tags["caddy"], engine.folder / "go" / "caddy")
    engine.stop()
    _name_digests(engine.folder, images)
    engine.start()
    engine.share()


def _make_base(engine: Engine) -> None:
    root = engine.folder / "base"
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
    run(command, {**os.environ, "PATH": engine.environment["PATH"]}, timeout=900)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)  # as in the true image
    shutil.copy(os.environ.get("SSL_CERT_FILE") or f"/{_CERTIFICATES}", root / _CERTIFICATES)
    (root / "etc/pip.conf").write_text(_pip_settings())
    tar = engine.folder / "base.tar"
    run(["tar", "-C", str(root), "-cf", str(tar), "."], os.environ, timeout=300)
    engine.docker("import", str(tar), BASE)
    tar.unlink()
    shutil.rmtree(root)


def _pip_settings() -> str:
    """The machine's own, as far as they say where packages come from; files of the machine are not in an image."""
    listed = run(["python3", "-m", "pip", "config", "list"], os.environ, timeout=60)
    found = dict(re.findall(r"^\S+?\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    kept = {key: value for key, value in found.items() if key in ("index-url", "extra-index-url", "trusted-host")}
    return "".join(f"{key} = {value}\n" for key, value in [("[global]\ncert", f"/{_CERTIFICATES}"), *kept.items()])


def _kafka_jars(folder: Path) -> Path:
    jars.fetch()
    return Path(shutil.copytree(jars.LIBS, folder / "libs"))


def _build(engine: Engine, name: str, tag: str, part: Path) -> None:
    """Build the image of a folder beside this file; the part is what its Dockerfile copies besides."""
    context = engine.folder / f"build-{name}"
    shutil.copytree(_HERE / name, context)
    part.rename(context / part.name)
    engine.docker("build", "--quiet", "--tag", tag, str(context), timeout=600, **_LEGACY)
    shutil.rmtree(context)


def _name_digests(folder: Path, images: dict[str, tuple[str, str]]) -> None:
    """A client cannot give an image a digest, so that it is written where the engine keeps its names."""
    (file,) = (folder / "data" / "image").glob("*/repositories.json")
    names = json.loads(file.read_text())
    for name, (tag, digest) in images.items():
        names["Repositories"][name][f"{name}@{digest}"] = names["Repositories"][name][f"{name}:{tag}"]
    file.write_text(json.dumps(names))
