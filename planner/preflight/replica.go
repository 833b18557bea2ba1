package preflight

// ReplicaCommand is what asks the questions inside a replica, where its image has bash: bash opens TCP connections by itself
// (/dev/tcp; Bash Reference Manual, "Redirections"). It answers as Answer.Line does. Every attempt has a limit, all questions are asked at once.
func ReplicaCommand(asked []Question) []string {
	argv := []string{"bash", "-c", replicaScript, "quorate-preflight"}
	for _, q := range asked {
		argv = append(argv, q.Argument())
	}
	return argv
}

// replicaScript tells the time by EPOCHREALTIME (bash 5), or by date at the cost of a process: microseconds, once the point or comma of
// the locale is taken out. The connection is timed in the process that opens it, so that starting one is not timed too.
const replicaScript = `
dial='now=${EPOCHREALTIME:-$(date +%s.%6N)}; before=${now/[.,]/}
exec 3<>"/dev/tcp/$0/$1" || exit 1
now=${EPOCHREALTIME:-$(date +%s.%6N)}; echo "$(( ${now/[.,]/} - before ))"'
answer() { printf '%s\t%s\t%s\t%s\n' "$kind" "$target" "$1" "${2//[$'\t\n']/ }"; }
ask() {
  kind=${1%%=*} target=${1#*=}
  if [ "$kind" = name ]; then
    if timeout 5 getent hosts "$target" >/dev/null; then answer ok 0; else answer failed "getent hosts does not find it"; fi
    return
  fi
  host=${target%:*} host=${host#[} host=${host%]} best=
  for _ in 1 2 3; do
    said=$(timeout 3 bash -c "$dial" "$host" "${target##*:}" 2>&1); code=$?
    if [ $code = 124 ]; then said="no answer within 3 s"; fi
    if [ $code = 0 ] && { [ -z "$best" ] || [ "$said" -lt "$best" ]; }; then best=$said; fi
  done
  if [ -n "$best" ]; then answer ok "$best"; else answer failed "${said##*: }"; fi
}
for question; do ask "$question" & done
wait
`
