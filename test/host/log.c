/* SPDX-License-Identifier: MIT
 *
 * The log: lines on stderr, each written in one piece.
 */
#include "host.h"

static _Atomic int log_level = SWITCH_LOG_WARNING;

void host_log_set_level(int level)
{
	atomic_store(&log_level, level);
}

int host_log_get_level(void)
{
	return atomic_load(&log_level);
}

static const char *level_name(switch_log_level_t level)
{
	static const char *const names[] = {"CONSOLE", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"};

	return level <= SWITCH_LOG_DEBUG ? names[level] : "DEBUG";
}

void switch_log_printf(switch_text_channel_t channel, const char *file, const char *func, int line,
					   const char *userdata, switch_log_level_t level, const char *fmt, ...)
{
	const char *slash = strrchr(file, '/');
	const char *uuid = userdata;
	char text[8192];
	char out[8192 + 512];
	va_list args;
	int limit = atomic_load(&log_level);
	int len;

	HOST_NOTE_CALL();
	(void) func;
	if (channel == SWITCH_CHANNEL_ID_SESSION && userdata) {
		switch_core_session_t *session = (switch_core_session_t *) (uintptr_t) userdata;
		int own = (int) switch_core_session_get_loglevel(session);

		uuid = switch_core_session_get_uuid(session);
		limit = own > limit && limit >= 0 ? own : limit;
	}
	if ((int) level > limit) {
		return;
	}
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len >= (int) sizeof(text)) {
		len = sizeof(text) - 1;
	}
	/* A line has one newline, whether the format had it or not. */
	while (len > 0 && text[len - 1] == '\n') {
		text[--len] = '\0';
	}
	len = snprintf(out, sizeof(out), "%.3f [%s] %s:%d %s%s%s\n", (double) (host_now_ns() - host_start_ns()) / 1e9,
				   level_name(level), slash ? slash + 1 : file, line, uuid ? uuid : "", uuid ? " " : "", text);
	if (len > 0) {
		ssize_t ignored = write(STDERR_FILENO, out, (size_t) len < sizeof(out) ? (size_t) len : sizeof(out) - 1);

		(void) ignored;
	}
}
