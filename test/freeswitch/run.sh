#!/bin/bash
# Conversations in the installed FreeSWITCH: loopback calls whose far end plays the recorded caller and whose near end is
# parked and talks with the test server. Usage: run.sh BUILD_DIRECTORY. Leaves nothing running.
set -eu
cd "$(dirname "$0")/../.."
module=$PWD/$1/mod_openai_audio_stream.so
fs=/usr/local/freeswitch
work=$(mktemp -d)
mkdir -p "$work"/{log,db,run,tmp}
server= switch=
cleanup() {
	[ -z "$switch" ] || { cli shutdown now >/dev/null 2>&1 || true; wait "$switch" 2>/dev/null || true; }
	[ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
	rm -rf "$work"
}
trap cleanup EXIT
cli() { "$fs/bin/fs_cli" -H 127.0.0.1 -P 18121 -p ClueCon -x "$*"; }
until_true() { # seconds, command...: waits until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "waited in vain for: $*"; tail -30 "$work/log/freeswitch.log"; return 1; }
		sleep 0.2
	done
}

sed "s|@CALLER@|$PWD/test/testdata/caller.wav|g" test/freeswitch/freeswitch.xml >"$work/freeswitch.xml"
go build -o "$work/server" ./test/realtimeserver
"$work/server" -listen 127.0.0.1:0 -json -answer "$PWD/test/testdata/agent.wav" >"$work/server.json" &
server=$!
until_true 20 grep -q listening "$work/server.json"
address=$(grep -o '127\.0\.0\.1:[0-9]*' "$work/server.json" | head -1)

"$fs/bin/freeswitch" -nonat -nf -nc -conf "$work" -log "$work/log" -db "$work/db" -run "$work/run" -temp "$work/tmp" \
	>"$work/out" 2>&1 &
switch=$!
ready() { cli status 2>/dev/null | grep -q "is ready"; }
until_true 60 ready
loaded=$(cli load "$module")
grep -q '^+OK' <<<"$loaded" || { echo "$loaded"; exit 1; }

# Two calls one after the other, the module reloaded after each.
for call in 1 2; do
	uuid=agent-$call
	# The far end of the loopback speaks; this end is parked, so that only the module writes to it.
	cli originate "{loopback_bowout=false,origination_uuid=$uuid}loopback/speak/default" "&park()" >/dev/null
	cli uuid_record "$uuid" start "$work/call-$call.wav" >/dev/null
	reply=$(cli uuid_openai_audio_stream "$uuid" start "ws://$address/v1/realtime?model=test" mono 24k)
	grep -q '^+OK' <<<"$reply" || { echo "$reply"; exit 1; }
	gone() { cli show channels count | grep -q '^0 total'; }
	answers() { [ "$(grep -c '"response.done"' "$work/server.json")" -ge $((call * 2)) ]; }
	until_true 60 answers
	cli hupall >/dev/null
	until_true 20 gone
	grep -q '^+OK' <<<"$(cli reload "$module")" || { echo "reload failed"; exit 1; }
done
grep -qE 'CRIT|caught a bug' "$work/log/freeswitch.log" && { grep -E 'CRIT|caught a bug' "$work/log/freeswitch.log"; exit 1; }
sox "$work/call-1.wav" -n stat 2>&1 | grep -E 'Length|RMS.*amplitude'
rms=$(sox "$work/call-1.wav" -n stat 2>&1 | awk '/RMS.*amplitude/ {print ($3 > 0.01)}')
[ "$rms" = 1 ] || { echo "the recording is silent"; exit 1; }
echo "two conversations in FreeSWITCH, with a reload after each"
