#!/bin/sh
# Installs the packages of package-lock.json into .node, unless they are there. Run from the folder of package.json.
set -eu
cmp -s package-lock.json .node/installed.json && exit 0
mkdir -p .node
cp package.json package-lock.json .node/
# `eventsource` names a newer Node, for programs that load it by require().
(cd .node && npm ci --no-fund --no-audit --ignore-scripts --engine-strict=false --loglevel=error)
cp package-lock.json .node/installed.json
