/* SPDX-License-Identifier: MIT
 *
 * The gate before FreeSWITCH: lets the module's own threads call the core, until the module is shut down or the process
 * ends.
 */
#include "mod_openai_audio_stream.h"

/* How long a shutdown waits for calls that are inside FreeSWITCH, and how long a plain exit() of the process does. */
#define SHUTDOWN_WAIT_US 5000000
#define EXIT_WAIT_US 200000
#define STEP_US 1000

static struct {
	/* Sequentially consistent, both: whoever counts itself in before it looks at open is seen by the one who closes
	 * open before it looks at inside. */
	_Atomic bool open;
	_Atomic uint32_t inside;
	pid_t process; /* that opened it */
} gate;

bool mod_openai_audio_stream_gate_enter(void)
{
	atomic_fetch_add(&gate.inside, 1);
	if (atomic_load(&gate.open)) {
		return true;
	}
	atomic_fetch_sub(&gate.inside, 1);
	return false;
}

void mod_openai_audio_stream_gate_leave(void)
{
	atomic_fetch_sub(&gate.inside, 1);
}

void mod_openai_audio_stream_gate_open(void)
{
	gate.process = getpid();
	atomic_store(&gate.open, true);
}

static void gate_close(int64_t wait_us)
{
	atomic_store(&gate.open, false);
	for (; wait_us > 0 && atomic_load(&gate.inside) > 0; wait_us -= STEP_US) {
		usleep(STEP_US);
	}
}

void mod_openai_audio_stream_gate_close(void)
{
	gate_close(SHUTDOWN_WAIT_US);
}

/* "fsctl shutdown now" is a plain exit(): no module is shut down, and libraries are torn down under running threads.
 * A child that FreeSWITCH forked (threaded-system-exec=false) exits here too. Only one thread came with it: those that
 * its copy of the gate counts as inside will never leave. */
__attribute__((destructor)) static void gate_close_at_exit(void)
{
	if (gate.process == getpid()) {
		gate_close(EXIT_WAIT_US);
	}
}
