/* SPDX-License-Identifier: MIT
 *
 * C to Go: the entry points of the engine, and the manual of the boundary.
 *
 * FreeSWITCH loads a C shim (cshim/). The engine (bridge/, module/) is Go, linked in as a C archive. Audio crosses in
 * rings (oas_ring.h) that the media threads fill and drain without entering Go; everything else crosses in the
 * functions below (C to Go) and in the table of oas_host.h (Go to C). This file is included by both compilers, so a
 * prototype cannot drift.
 *
 * Glossary
 *   stream        one channel's conversation with one server, from start to stop
 *   session       the channel, in FreeSWITCH; the server's conversation, in the Realtime API. In C always the former
 *   frame         what a media thread hands over at once: 10 to 120 ms of 16-bit native-endian samples
 *   caller audio  FreeSWITCH to server: what the channel reads;  callee audio: what others write to the channel
 *   agent audio   server to FreeSWITCH: the model's voice, mono
 *   flush         throw away queued agent audio at the next frame (the caller interrupts)
 *   drop          audio that could not be kept; always counted
 *   pacer         the shim's threads that write silence to channels to which nothing else writes
 *
 * Threads
 *   read-side media thread    producer of caller. Never enters Go, allocates, locks, logs or waits
 *   write-side media thread   producer of callee, consumer of agent; may be another thread. Same rules
 *   any of these, and SIP's   producer of keys (oas_keys.h), one at a time; same rules
 *   pacer threads             a few for all calls; call switch_core_session_write_frame, so they become the write-side
 *                             media thread of the call for that frame. Never enter Go
 *   API threads               dialplan, ESL, console: may enter Go through oasGoCommand
 *   a channel's own thread    runs the dialplan's application: may enter Go through oasGoApplication
 *   load/shutdown thread      oasGoLoad, oasGoConfigure, oasGoShutdown
 *   all that enter Go         go through oas_guest_enter first (cshim/oas_guest.h)
 *   Go's threads              call oas_host_ops; ordinary priority, signals blocked (cshim/oas_guest.c)
 *
 * Lifetime of a stream
 *   oasGoCommand("<uuid> start ..."), or oasGoApplication -> oas_stream_new (Go's reference)
 *   -> ops.attach (the shim's reference)
 *   -> media threads run -> either Go detaches (stop, error, shutdown) or FreeSWITCH closes the bug (hang-up)
 *   -> closed is set, the doorbell rung, the shim's reference dropped -> Go ends the stream and drops its own.
 *
 * Memory
 *   C keeps no pointer into Go memory. Strings into Go are borrowed for the call. Strings out of Go are malloc'ed and
 *   the caller frees them. The shared block is reference-counted (oas_stream.h).
 *
 * Panics
 *   A Go panic is caught at every entry point and at the top of every goroutine; it ends one call, never the switch.
 *
 * Loading and unloading
 *   A Go runtime cannot be unloaded. The module is linked with -z nodelete and is never unmapped: oasGoShutdown ends
 *   every stream, a later oasGoLoad starts again in the same runtime. Go installs handlers for SIGSEGV, SIGBUS, SIGFPE,
 *   SIGPIPE, SIGURG and keeps the host's for the rest. Environment variables set after load are not seen by Go.
 */
#ifndef OAS_BRIDGE_H
#define OAS_BRIDGE_H

#include "oas_host.h"

/* Do nothing, but give the calling thread its place in Go. See oas_guest_enter, the only caller. */
extern void oasGoEnter(void);

/* Start the engine. Load thread only, before any other oasGo* call; blocks for a few ms. ops must stay valid for ever,
 * info is borrowed. Returns OK; FAILED when the engine runs already, or gets no descriptors; PANIC. May be called again
 * after oasGoShutdown. */
extern oas_status_t oasGoLoad(oas_host_ops_ref_t ops, oas_host_info_ref_t info);

/* Read the configuration: the text of openai_audio_stream.conf as FreeSWITCH expanded it, or NULL for defaults. Any
 * thread. A broken one changes nothing. Returns NULL, or what is wrong and where (malloc'ed, the caller frees). New
 * streams use it. */
extern char *oasGoConfigure(oas_cstr_t xml);

/* Run one command: "<uuid> start <url> ...", the argument string of uuid_openai_audio_stream. API threads; enters
 * FreeSWITCH through ops; waits for no network; at most a few ms. Returns the reply, "+OK ..." or "-ERR ...",
 * malloc'ed, the caller frees; NULL only without memory. */
extern char *oasGoCommand(oas_cstr_t args);

/* Start a stream for the dialplan's application: arguments are those of a start, "<url> [mono] ...". The channel's own
 * thread; as oasGoCommand, but that it calls ops.answer when nothing but the channel can keep the stream from starting.
 * Returns the reply of a start, "+OK ..." or "-ERR ...", malloc'ed, the caller frees. */
extern char *oasGoApplication(oas_cstr_t uuid, oas_cstr_t arguments);

/* End every stream and stop the engine. Shutdown thread only. Blocks until the streams have been detached, their last
 * events fired and their sockets closed, timeout_ms at most; what has not ended by then is cut off. After it returned
 * Go begins no call of ops; one that is still under way, such as an API command, may end later. */
extern void oasGoShutdown(uint32_t timeout_ms);

#endif
