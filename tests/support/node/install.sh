#!/bin/sh
# Installs the packages of package-lock.json into .node, unless they are there, and the scripts beside this one. Run from
# the folder of package.json. Several may run at once: one installs, the others wait for it.
set -eu
mkdir -p .node
exec 9>.node/lock
if command -v flock >/dev/null; then flock 9; fi
for script in tests/support/node/*.js; do
    cmp -s "$script" ".node/${script##*/}" || cp "$script" .node/
done
cmp -s package-lock.json .node/installed.json && exit 0
cp package.json package-lock.json .node/
# `eventsource` names a newer Node, for programs that load it by require().
(cd .node && npm ci --no-fund --no-audit --ignore-scripts --engine-strict=false --loglevel=error)
cp package-lock.json .node/installed.json
