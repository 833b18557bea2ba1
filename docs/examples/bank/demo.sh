#!/usr/bin/env bash
# The story of one deployment, told with the real binaries over three real
# Kubernetes control planes in a sandbox on this machine: validate, plan, apply,
# names, an upgrade, a scale-out, status.
#
#   demo.sh up     tell the story, and leave the sandbox running
#   demo.sh down   end it and leave nothing behind
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
bin=${BIN:-$root/bin}
work=$bin/demo
sandbox=$bin/sandbox
export PATH=$bin:$PATH

if [[ ${1:-up} == down ]]; then
  "$sandbox" down --name demo
  rm -rf "$work"
  exit
fi

# say prints a heading; run prints a command as a reader would type it, then runs it.
say() { printf '\n── %s\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }

# The story begins with nothing: one that was told before is ended first.
"$sandbox" down --name demo
rm -rf "$work"

say "Three Kubernetes clusters in three regions, on this machine"
run sandbox up --name demo \
  --cluster usw1=us-west1 \
  --cluster use1=us-east1:us-east1-b,us-east1-c,us-east1-d \
  --cluster euw1=europe-west1:europe-west1-b,europe-west1-c,europe-west1-d

mkdir -p "$work"
cp "$here/topology.yaml" "$work/topology.yaml"
cd "$work"
KUBECONFIG=$("$sandbox" kubeconfig --name demo)
export KUBECONFIG XDG_STATE_HOME=$work/state

say "One file says what is wanted; validate says whether it can be kept"
run quorate validate

say "The plan: every step, and what could fail safely meanwhile"
run quorate plan

say "Apply: region by region, then one initialisation"
run quorate apply --auto-approve

say "Every replica has a name that follows its pod"
run quorate dns records

say "An upgrade: one replica at a time over all clusters, the canary first"
run sed -i.before 's/v25.4.0/v25.4.1/' topology.yaml
run quorate apply --auto-approve

say "A scale-out: one more replica in us-east1"
run sed -i.before '/name: use1/,/replicas:/s/replicas: 3/replicas: 4/' topology.yaml
run quorate apply --auto-approve

say "What is where now, and what may fail"
run quorate status

say "Nothing is left to do"
run quorate plan

cat <<TXT

── Look around
The sandbox is still running. In another shell:

  cd $work
  export KUBECONFIG=$KUBECONFIG XDG_STATE_HOME=$work/state PATH=$bin:\$PATH
  quorate status                              what is where
  quorate plan                                edit topology.yaml first: try replicas: 2, or image …:broken
  kubectl --context use1 -n bank get pods     any Kubernetes client works: these are real API servers
  sandbox stop euw1 --name demo               take a region away; then quorate status, quorate plan
  sandbox start euw1 --name demo              and give it back

  make demo-down                              end it and leave nothing behind
TXT
