/* SPDX-License-Identifier: MIT
 *
 * Finding a session: one that may be hanging up, or one that is not.
 */
#include "mod_openai_audio_stream.h"

/* force_locate looks whether the session has ended and only then locks it (switch_core_session.c, 10.12 and 11.2): one
 * that ends in between is found all the same, and freed in our hands. A hang-up is when a stream ends and says so, just
 * when that happens. So there is a second look: while the first lock holds, a session cannot end, and one that has
 * ended is not found again. It is not unlocked either: its memory may be gone, and nobody waits for its lock. */
switch_core_session_t *mod_openai_audio_stream_locate(const char *uuid)
{
	switch_core_session_t *session, *again;

	if (zstr(uuid)) {
		return NULL;
	}
	session = switch_core_session_force_locate(uuid);
	again = session ? switch_core_session_force_locate(uuid) : NULL;
	if (again) {
		switch_core_session_rwunlock(again);
	}
	return again == session ? session : NULL;
}

switch_core_session_t *mod_openai_audio_stream_enter(const char *uuid)
{
	switch_core_session_t *session;

	if (!mod_openai_audio_stream_gate_enter()) {
		return NULL;
	}
	session = zstr(uuid) ? NULL : switch_core_session_locate(uuid);
	if (!session) {
		mod_openai_audio_stream_gate_leave();
	}
	return session;
}

void mod_openai_audio_stream_leave(switch_core_session_t *session)
{
	switch_core_session_rwunlock(session);
	mod_openai_audio_stream_gate_leave();
}
