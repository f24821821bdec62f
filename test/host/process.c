/* SPDX-License-Identifier: MIT
 *
 * This process: its threads and how they are scheduled, its descriptors, memory and signal handlers.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "host.h"

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (dir) {
		for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
			n += entry->d_name[0] != '.';
		}
		closedir(dir);
	}
	return n;
}

/* The text after "key:" in a file of /proc, without the white space around it. */
static void read_field(const char *path, const char *key, char *value, size_t size)
{
	FILE *file = fopen(path, "r");
	char line[256];

	*value = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		size_t len = strlen(key);

		if (!strncmp(line, key, len) && line[len] == ':') {
			char *start = line + len + 1 + strspn(line + len + 1, " \t");

			start[strcspn(start, "\n")] = '\0';
			snprintf(value, size, "%s", start);
			break;
		}
	}
	if (file) {
		fclose(file);
	}
}

void host_process_describe(host_json_t *json)
{
	char rss[64];
	struct rusage usage;
	struct mallinfo2 memory;

	read_field("/proc/self/status", "VmRSS", rss, sizeof(rss));
	getrusage(RUSAGE_SELF, &usage);
	memory = mallinfo2();
	host_json_int(json, "threads", count_entries("/proc/self/task"));
	host_json_int(json, "fds", count_entries("/proc/self/fd") - 1); /* without the one that counts them */
	host_json_int(json, "rss_kb", strtoll(rss, NULL, 10));
	host_json_int(json, "malloc_bytes", (int64_t) (memory.uordblks + memory.hblkhd)); /* in use; 0 under sanitizers */
	host_json_int(json, "cpu_user_ms", usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000);
	host_json_int(json, "cpu_system_ms", usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000);
}

static const char *policy_name(int policy)
{
	switch (policy & ~SCHED_RESET_ON_FORK) {
	case SCHED_OTHER:
		return "other";
	case SCHED_FIFO:
		return "fifo";
	case SCHED_RR:
		return "rr";
	case SCHED_BATCH:
		return "batch";
	case SCHED_IDLE:
		return "idle";
	default:
		return "unknown";
	}
}

void host_threads_describe(host_json_t *json)
{
	DIR *dir = opendir("/proc/self/task");

	host_json_open(json, "threads", '[');
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		char path[300], name[64], blocked[64];
		struct sched_param param = {0};
		int64_t number;
		int tid;

		if (!host_parse_number(entry->d_name, &number)) {
			continue; /* . and .. */
		}
		tid = (int) number;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		read_field(path, "Name", name, sizeof(name));
		read_field(path, "SigBlk", blocked, sizeof(blocked));
		sched_getparam(tid, &param);
		host_json_open(json, NULL, '{');
		host_json_int(json, "tid", tid);
		host_json_string(json, "name", name);
		host_json_string(json, "policy", policy_name(sched_getscheduler(tid)));
		host_json_int(json, "priority", param.sched_priority);
		host_json_int(json, "nice", getpriority(PRIO_PROCESS, (id_t) tid));
		host_json_string(json, "blocked_signals", blocked);
		host_json_close(json, '}');
	}
	host_json_close(json, ']');
	if (dir) {
		closedir(dir);
	}
}

static void on_signal(int number)
{
	(void) number;
}

/* As the core sets them, but for SIGINT and SIGQUIT, which it ignores and which end us. */
void host_signals_prepare(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGUSR1, on_signal);
	signal(SIGHUP, on_signal);
}

void host_signals_describe(host_json_t *json)
{
	host_json_open(json, "signals", '{');
	for (int number = 1; number < 32; number++) {
		struct sigaction action;
		Dl_info info;
		const char *owner = "unknown";

		if (sigaction(number, NULL, &action)) {
			continue;
		}
		if (action.sa_handler == SIG_DFL) {
			continue;
		}
		if (action.sa_handler == SIG_IGN) {
			owner = "ignored";
		} else if (dladdr((void *) (uintptr_t) action.sa_handler, &info) && info.dli_fname) {
			const char *slash = strrchr(info.dli_fname, '/');

			owner = slash ? slash + 1 : info.dli_fname;
		}
		host_json_string(json, sigabbrev_np(number) ? sigabbrev_np(number) : "?", owner);
	}
	host_json_close(json, '}');
}

/* FreeSWITCH asks for real-time scheduling when it may have it. Threads that are started later inherit it. */
bool host_process_go_realtime(void)
{
	struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	return !sched_setscheduler(0, SCHED_RR, &param);
}
