/* SPDX-License-Identifier: MIT
 *
 * Go's threads in a host that runs at real-time priority, as FreeSWITCH does: they are ordinary threads, they take none
 * of the host's signals, and the host's own thread is as it was. This program is linked as the module is.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>

#include "check.h"
#include "oas_bridge.h"
#include "oas_guest.h"

#define CALLERS 8

/* Not SIGCHLD: Go unblocks that one itself. */
static const int host_signals[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM};

static void host_log(oas_log_level_t level, oas_cstr_t uuid, oas_cstr_t text)
{
	(void) level;
	(void) uuid;
	(void) text;
}

static int host_log_level(oas_cstr_t uuid)
{
	(void) uuid;
	return OAS_LOG_DEBUG;
}

static void host_event(oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body)
{
	(void) subclass;
	(void) uuid;
	(void) body;
}

static char *host_variable(oas_cstr_t uuid, oas_cstr_t name)
{
	(void) uuid;
	(void) name;
	return NULL;
}

static oas_status_t host_exists(oas_cstr_t uuid)
{
	(void) uuid;
	return OAS_STATUS_GONE;
}

static oas_status_t host_attach(oas_stream_t *stream)
{
	(void) stream;
	return OAS_STATUS_GONE;
}

static void host_detach(oas_stream_t *stream)
{
	(void) stream;
}

static oas_status_t host_answer(oas_cstr_t uuid)
{
	(void) uuid;
	return OAS_STATUS_GONE;
}

static const oas_host_ops_t ops = {
	.log = host_log,
	.log_level = host_log_level,
	.event = host_event,
	.variable = host_variable,
	.exists = host_exists,
	.attach = host_attach,
	.detach = host_detach,
	.answer = host_answer,
};

/* The host's threads, which stay as they are; everything else in the process is Go's. */
static pid_t own_threads[CALLERS + 1];
static pthread_barrier_t ready, called, counted;

static int policy = SCHED_OTHER;
static const struct sched_param param = {.sched_priority = 10};

/* A thread of the host's. It is created as an ordinary one, because this program is linked as the module is. */
static void *call_go(void *arg)
{
	*(pid_t *) arg = gettid();
	if (policy == SCHED_RR) {
		CHECK(sched_setscheduler(0, SCHED_RR, &param) == 0, "the calling thread got no real-time priority");
	}
	pthread_barrier_wait(&ready);
	oas_guest_enter();
	for (int i = 0; i < 100; i++) {
		free(oasGoCommand("nothing"));
	}
	CHECK(sched_getscheduler(0) == policy, "the calling thread has policy %d, not %d", sched_getscheduler(0), policy);
	pthread_barrier_wait(&called);
	pthread_barrier_wait(&counted);
	return NULL;
}

static bool is_own(pid_t tid)
{
	for (size_t i = 0; i < sizeof(own_threads) / sizeof(own_threads[0]); i++) {
		if (own_threads[i] == tid) {
			return true;
		}
	}
	return false;
}

static uint64_t blocked_signals(pid_t tid)
{
	char path[64], line[256];
	uint64_t mask = 0;
	FILE *status;

	(void) snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	status = fopen(path, "r");
	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, "SigBlk:", 7) == 0) {
			mask = strtoull(line + 7, NULL, 16);
		}
	}
	if (status) {
		(void) fclose(status);
	}
	return mask;
}

static int check_go_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int n = 0;

	while ((task = readdir(tasks))) {
		pid_t tid = (pid_t) strtol(task->d_name, NULL, 10);
		uint64_t blocked;

		if (tid <= 0 || is_own(tid)) {
			continue;
		}
		n++;
		CHECK(sched_getscheduler(tid) == SCHED_OTHER, "Go's thread %d has policy %d", tid, sched_getscheduler(tid));
		blocked = blocked_signals(tid);
		for (size_t i = 0; i < sizeof(host_signals) / sizeof(host_signals[0]); i++) {
			CHECK(blocked & (1ULL << (host_signals[i] - 1)), "Go's thread %d takes signal %d", tid, host_signals[i]);
		}
	}
	closedir(tasks);
	return n;
}

static void check_host_thread(void)
{
	sigset_t blocked;

	CHECK(sched_getscheduler(0) == policy, "the loading thread has policy %d, not %d", sched_getscheduler(0), policy);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (size_t i = 0; i < sizeof(host_signals) / sizeof(host_signals[0]); i++) {
		CHECK(!sigismember(&blocked, host_signals[i]), "the loading thread does not get signal %d any more",
			  host_signals[i]);
	}
}

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
	handled = number;
}

/* A handler of the host's that comes after Go gets the signal stack, and nothing else of it changes. */
static void check_late_handler(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGUSR2, &action, NULL);
	signal(SIGALRM, SIG_IGN);
	oas_guest_handlers();
	sigaction(SIGUSR2, NULL, &action);
	CHECK(action.sa_flags & SA_ONSTACK, "the handler runs on any stack: flags %x", (unsigned) action.sa_flags);
	CHECK(action.sa_flags & SA_RESTART && action.sa_handler == on_signal, "the handler was changed");
	raise(SIGUSR2);
	CHECK(handled == SIGUSR2, "the handler was not called");
	sigaction(SIGALRM, NULL, &action);
	CHECK(action.sa_handler == SIG_IGN, "an ignored signal got a handler");
}

int main(int argc, char **argv)
{
	oas_host_info_t info = {"/tmp", argv[0]};
	pthread_t callers[CALLERS];

	/* Go's runtime starts before main. So ask for the priority, and run once more with it. */
	if (argc < 2) {
		policy = sched_setscheduler(0, SCHED_RR, &param) == 0 ? SCHED_RR : SCHED_OTHER;
		execl("/proc/self/exe", argv[0], policy == SCHED_RR ? "rr" : "other", (char *) NULL);
		return EXIT_FAILURE;
	}
	policy = strcmp(argv[1], "rr") == 0 ? SCHED_RR : SCHED_OTHER;
	if (policy == SCHED_OTHER) {
		printf("no right to a real-time priority: only the signals are tested\n");
	}
	own_threads[0] = gettid();
	check_host_thread();
	oas_guest_enter();
	CHECK(oasGoLoad(&ops, &info) == OAS_STATUS_OK, "the engine does not load");
	pthread_barrier_init(&ready, NULL, CALLERS);
	pthread_barrier_init(&called, NULL, CALLERS + 1);
	pthread_barrier_init(&counted, NULL, CALLERS + 1);
	for (int i = 0; i < CALLERS; i++) {
		pthread_create(&callers[i], NULL, call_go, &own_threads[i + 1]);
	}
	pthread_barrier_wait(&called);
	CHECK(check_go_threads() > 0, "no thread is Go's");
	pthread_barrier_wait(&counted);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i], NULL);
	}
	check_late_handler();
	oasGoShutdown(1000);
	check_host_thread();
	return check_exit();
}
