#!/usr/bin/env bash
# Makes the captures of this directory and the pictures of docs/images from real runs: three real control planes in a
# sandbox, terminals of 80 and 160 columns played by tmux, and a pipe. Needs tmux; run it as `make pictures`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$root/bin
images=$root/docs/images
work=$(mktemp -d)
terminals=0 terminal=quorate-capture-0 # a tmux server each
export PATH=$bin:$PATH XDG_STATE_HOME=$work/state

finish() {
  tmux -L "$terminal" kill-server 2>/dev/null || true
  sandbox down --name capture >/dev/null
  rm -rf "$work"
}
trap finish EXIT

sandbox up --name capture \
  --cluster usw1=us-west1 \
  --cluster use1=us-east1:us-east1-b,us-east1-c,us-east1-d \
  --cluster euw1=europe-west1:europe-west1-b,europe-west1-c,europe-west1-d
cp "$root/docs/examples/bank/topology.yaml" "$work"
KUBECONFIG=$(sandbox kubeconfig --name capture)
export KUBECONFIG
cd "$work"

# terminal COLUMNS ROWS COMMAND starts a command in a terminal that stays when the command has ended.
terminal() {
  tmux -L "$terminal" kill-server 2>/dev/null || true
  terminal=quorate-capture-$((++terminals))
  rm -f "$work/ended"
  tmux -L "$terminal" -f /dev/null new-session -d -x "$1" -y "$2" "$3; touch $work/ended; sleep 600"
}
# look keeps what the terminal shows, with its colours, and prints it without.
look() {
  tmux -L "$terminal" capture-pane -p -e | sed -e :a -e '/^[[:space:]]*$/{$d;N;ba' -e '}' >"$work/frame"
  sed -e 's/\x1b\[[0-9;]*m//g' -e 's/[[:space:]]*$//' "$work/frame"
}
# until_shown waits until the terminal shows a text, two minutes at most.
until_shown() {
  local deadline=$((SECONDS + 120))
  until look | grep -- "$1" >/dev/null; do
    ((SECONDS < deadline)) || { echo "the terminal does not show: $1" >&2; look >&2; exit 1; }
  done
}
until_ended() {
  local deadline=$((SECONDS + 180))
  until [[ -e $work/ended ]]; do
    ((SECONDS < deadline)) || { echo "the command has not ended" >&2; look >&2; exit 1; }
    sleep 0.1
  done
  look >/dev/null
}
# text FILE COMMAND keeps what was shown at the last look; image draws it.
text() { { printf '$ %s\n' "$2"; sed -e 's/\x1b\[[0-9;]*m//g' -e 's/[[:space:]]*$//' "$work/frame"; } >"$here/$1"; }
image() { pictures -command "$2" <"$work/frame" >"$images/$1"; }
# piped FILE COMMAND... keeps what goes to a pipe.
piped() { local file=$1; shift; { printf '$ %s\n' "$*"; "$@" 2>&1 | cat; } >"$here/$file"; }

piped apply-pipe.txt quorate apply --auto-approve

sed -i 's/v25.4.0/v25.4.1/' topology.yaml
piped plan-pipe.txt quorate plan
for columns in 80 160; do
  terminal $columns 140 'quorate plan'
  until_ended; text "plan-$columns.txt" 'quorate plan'
done
terminal 110 140 'quorate plan'
until_ended; image plan.svg 'quorate plan'

# An upgrade at 160 columns, while it runs and at its end.
terminal 160 34 'quorate apply'
until_shown "Only 'yes'"
tmux -L "$terminal" send-keys yes Enter
until_shown '◌ bank\|2[0-9] of 34 steps done'
text apply-160.txt 'quorate apply'
until_ended; text apply-160-end.txt 'quorate apply'

# And back again at 80 columns; the picture is of this one at 110.
sed -i 's/v25.4.1/v25.4.0/' topology.yaml
terminal 80 34 'quorate apply'
until_shown "Only 'yes'"
tmux -L "$terminal" send-keys yes Enter
until_shown '◌ bank\|2[0-9] of 34 steps done'
text apply-80.txt 'quorate apply'
until_ended; text apply-80-end.txt 'quorate apply'

sed -i 's/v25.4.0/v25.4.1/' topology.yaml
terminal 110 30 'quorate apply'
until_shown "Only 'yes'"
tmux -L "$terminal" send-keys yes Enter
until_shown '◌ bank\|2[0-9] of 34 steps done'
image apply.svg 'quorate apply'
tmux -L "$terminal" send-keys C-c
until_ended

for columns in 80 160; do
  terminal $columns 60 'quorate status'
  until_ended; text "status-$columns.txt" 'quorate status'
done
piped status-pipe.txt quorate status

# What an error looks like: a region is away.
sandbox stop euw1 --name capture >/dev/null
terminal 80 110 'quorate plan'
until_ended; text "unreachable-80.txt" 'quorate plan'
