#!/usr/bin/env bash
# The story of one etcd over three regions in real containers, told with the real binaries, while a
# client in a fourth place writes and reads all the time: installation, an upgrade, a replica killed,
# a region cut off and healed, and what the client saw of it.
#
#   demo.sh up     tell the story, and leave the sandbox running
#   demo.sh down   end it and leave nothing behind
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
bin=${BIN:-$root/bin}
work=$bin/demo-real
sandbox=$bin/sandbox
export PATH=$bin:$PATH

if [[ ${1:-up} == down ]]; then
  "$sandbox" down --name demo-real
  rm -rf "$work"
  exit
fi

# say prints a heading; run prints a command as a reader would type it, then runs it.
say() { printf '\n── %s\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }
# phase notes in the client's log what happens from here on.
phase() { "$sandbox" witness mark "$work/client.jsonl" "$1"; }
# until_true waits until a command succeeds, and says what for.
until_true() {
  local what=$1 deadline=$((SECONDS + 90))
  shift
  printf 'waiting until %s\n' "$what"
  until "$@" > /dev/null 2>&1; do
    if ((SECONDS > deadline)); then echo "gave up after 90 s" >&2; return 1; fi
    sleep 0.5
  done
}

# The story begins with nothing: one that was told before is ended first.
"$sandbox" down --name demo-real
rm -rf "$work"

say "Three Kubernetes clusters in three regions: real kubelets, containers and networks, in namespaces of this machine"
run sandbox up --name demo-real --runtime containers \
  --cluster eu1=eu-central --cluster us1=us-east --cluster ap1=ap-south
run sandbox load-image --name demo-real quorate.test/quorate:demo "$bin/quorate"

mkdir -p "$work"
cp "$here/topology.yaml" "$work/topology.yaml"
cd "$work"
KUBECONFIG=$("$sandbox" kubeconfig --name demo-real)
tools=$("$sandbox" build --containers --print-path 2> /dev/null)
export KUBECONFIG XDG_STATE_HOME=$work/state PATH=$PATH:$tools
# The file names addresses of Services and pods: those that the first sandbox of a machine has.
if [[ $(kubectl --context eu1 get service kubernetes -o jsonpath='{.spec.clusterIP}') != 198.18.1.1 ]]; then
  echo "another sandbox with real containers is up and has the addresses that topology.yaml names; end it first: sandbox down --name NAME" >&2
  exit 1
fi
zone=ledger.db.example.com
members=http://ledger-0.eu1.$zone:2379,http://ledger-0.us1.$zone:2379,http://ledger-0.ap1.$zone:2379
# health asks a member about all members.
health() { kubectl --context "$1" -n ledger exec ledger-0 -- /usr/local/bin/etcdctl endpoint health --cluster; }

say "The plan: every step, and what could fail safely meanwhile"
run quorate plan

say "Apply: names first, then region by region"
run quorate apply --auto-approve

say "A client in a fourth place begins to write, by names alone"
"$sandbox" run --name demo-real --at client -- quorate dns serve --listen 127.0.0.1:53 2> dns.log &
names=$!
until_true "the client can resolve names" grep -q '^serving' dns.log
"$sandbox" run --name demo-real --at client -- \
  "$sandbox" witness write --dns 127.0.0.1:53 --endpoints "$members" --log client.jsonl &
client=$!
trap 'kill $client $names 2> /dev/null || true' EXIT
phase "nothing happens"
until_true "it has written for a while" grep -q '"n":200,' client.jsonl

say "An upgrade from v3.6 to v3.7: one member at a time, the leader's place handed over first"
phase "upgrade v3.6 to v3.7"
run sed -i.before 's/etcd:v3.6.16/etcd:v3.7.3/' topology.yaml
run quorate apply --auto-approve

say "A replica is killed"
phase "a replica killed"
run kubectl --context us1 -n ledger delete pod ledger-0 --grace-period=0 --force
until_true "its successor is healthy" health us1

say "A region is cut off from the others and from the client"
phase "a region cut off"
for other in eu1 us1 client; do run sandbox partition ap1 "$other" --name demo-real; done
sleep 5
printf '\n$ etcdctl put, asked in the region that is cut off\n'
if answer=$(kubectl --context ap1 -n ledger exec ledger-0 -- /usr/local/bin/etcdctl --command-timeout 3s put anything at-all 2>&1); then
  echo "the minority took a write: $answer" >&2
  exit 1
fi
grep '^Error' <<< "$answer"
say "Its pod gets a new address meanwhile, and the region comes back"
run kubectl --context ap1 -n ledger delete pod ledger-0
phase "healed"
run sandbox heal --name demo-real
until_true "every member is healthy" health ap1
run kubectl --context ap1 -n ledger wait pod/ledger-0 --for condition=Ready --timeout 60s

say "What the client saw"
kill -TERM "$client"
wait "$client" || true
kill "$names"
trap - EXIT
run sandbox witness judge client.jsonl

say "What is where now, and what may fail"
run quorate status

cat <<TXT

── Look around
The sandbox is still running. In another shell:

  cd $work
  export KUBECONFIG=$KUBECONFIG XDG_STATE_HOME=$work/state PATH=$bin:\$PATH:$tools
  quorate status                                        what is where
  sandbox stop ap1 --name demo-real                     take a region away; then quorate status
  sandbox start ap1 --name demo-real                    and give it back
  kubectl --context eu1 -n ledger get pods -o wide      real pods

  make demo-real-down                                   end it and leave nothing behind
TXT
