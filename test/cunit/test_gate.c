/* SPDX-License-Identifier: MIT
 *
 * The gate at the end of a process: the process waits for the calls that are inside, a child that it forked does not.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "mod_openai_audio_stream.h"

#define WAITED 7

/* The linker's name for what the gate calls as usleep. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
int __wrap_usleep(useconds_t us);

int __wrap_usleep(useconds_t us)
{
	(void) us;
	_exit(WAITED);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* The exit status of a process that ends as exit() does, with a call inside the gate. */
static int exit_status(bool opened_it)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		if (opened_it) {
			mod_openai_audio_stream_gate_open();
		}
		exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status), "the child did not end");
	return WEXITSTATUS(status);
}

int main(void)
{
	CHECK(!mod_openai_audio_stream_gate_enter(), "a gate that nobody opened lets in");
	mod_openai_audio_stream_gate_open();
	CHECK(mod_openai_audio_stream_gate_enter(), "an open gate refuses");
	CHECK(exit_status(false) == 0, "a forked child waits at its exit for its parent's calls");
	CHECK(exit_status(true) == WAITED, "the process does not wait for the calls that are inside");
	mod_openai_audio_stream_gate_leave();
	mod_openai_audio_stream_gate_close();
	CHECK(!mod_openai_audio_stream_gate_enter(), "a closed gate lets in");
	return check_exit();
}
