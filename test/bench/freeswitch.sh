#!/bin/sh
# The media callbacks in an installed FreeSWITCH, with a module that measures them (OAS_MEASURE).
set -eu
freeswitch=/usr/local/freeswitch
if [ ! -x $freeswitch/bin/freeswitch ]; then
	echo "FreeSWITCH is not installed in $freeswitch: its media callbacks are not measured"
	exit 0
fi
cmake -S . -B build-measure -DOAS_MEASURE=ON >/dev/null
cmake --build build-measure -j "$(nproc)" --target mod_openai_audio_stream >/dev/null
OAS_FREESWITCH=$freeswitch OAS_FREESWITCH_MODULE=$PWD/build-measure/mod_openai_audio_stream.so \
	go test -run '^$' -bench . -benchtime 1x ./test/freeswitch
