#!/bin/sh
# Installs the packages of package-lock.json into .node, unless they are there, and the scripts beside this one. Run from
# the folder of package.json. Several may run at once: one installs, the others wait for it.
set -eu
mkdir -p .node
exec 9>.node/lock
python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # this shell holds it to its end; not every system has flock(1)
for script in tests/support/node/*.js; do
    cmp -s "$script" ".node/${script##*/}" || cp "$script" .node/
done
cmp -s package-lock.json .node/installed.json && exit 0
cp package.json package-lock.json .node/
# `eventsource` names a newer Node, for programs that load it by require().
(cd .node && npm ci --no-fund --no-audit --ignore-scripts --engine-strict=false --loglevel=error)
cp package-lock.json .node/installed.json
