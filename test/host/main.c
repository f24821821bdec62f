/* SPDX-License-Identifier: MIT
 *
 * oas_host: a stand-in for the FreeSWITCH core that loads one module and runs channels for it, driven by commands.
 */
#include <getopt.h>
#include <signal.h>

#include "command.h"

#define COMMANDS_MAX 256

static const char usage[] =
	"usage: oas_host [options] [-c COMMAND]... [-f FILE]...\n"
	"  -m, --module PATH   the module that \"load\" loads\n"
	"  -l, --log LEVEL     log lines up to this level on stderr, 0 (console) to 7 (debug); default 4 (warning)\n"
	"  -t, --temp DIR      the temp directory that modules are told; default $TMPDIR or /tmp\n"
	"  -r, --realtime      ask for real-time scheduling before anything else runs\n"
	"  -s, --strict        exit with status 1 when a command fails, at once\n"
	"  -c COMMAND          run a command; several are run in their order, among those of -f\n"
	"  -f FILE             run the commands in a file\n"
	"Without -c and -f commands are read from stdin. The command \"help\" lists them.\n"
	"Every command is answered, and every event reported, by one line of JSON on stdout.\n";

static int print_usage(int status)
{
	(void) fputs(usage, status ? stderr : stdout);
	return status;
}

static bool strict;
static bool quit_with_calls;

void host_quit_with_calls(bool with_calls)
{
	quit_with_calls = with_calls;
}

/* Returns false when it is time to quit. */
static bool run_line(char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	return host_command(line) && !(strict && host_commands_failed());
}

static bool run_stream(FILE *stream)
{
	char *line = NULL;
	size_t size = 0;
	bool go_on = true;

	while (go_on && getline(&line, &size, stream) >= 0) {
		go_on = run_line(line);
	}
	free(line);
	return go_on;
}

static bool run_file(const char *path)
{
	FILE *file = fopen(path, "r");
	bool go_on;

	if (!file) {
		perror(path);
		exit(1);
	}
	go_on = run_stream(file);
	fclose(file);
	return go_on;
}

/* The core's order: the calls are hung up but not waited for, the module is shut down, the rest follows. */
static int shut_down(void)
{
	host_json_t reply;
	bool clean;

	host_core_set_running(false);
	host_event_fire_simple(SWITCH_EVENT_SHUTDOWN, NULL);
	if (!quit_with_calls) {
		host_hangup_all(SWITCH_CAUSE_SYSTEM_SHUTDOWN);
	}
	host_module_shutdown();
	host_hangup_all(SWITCH_CAUSE_SYSTEM_SHUTDOWN);
	clean = host_sessions_wait_none(10000);
	host_command_stop();
	host_events_flush();
	host_events_stop();
	host_json_begin(&reply);
	host_json_string(&reply, "reply", "quit");
	host_json_bool(&reply, "ok", clean && !host_late_calls());
	host_json_int(&reply, "channels", host_sessions_alive());
	host_json_int(&reply, "bugs", host_bugs_alive());
	host_json_int(&reply, "events_alive", host_events_alive());
	host_json_int(&reply, "late_calls", (int64_t) host_late_calls());
	host_json_int(&reply, "failed_commands", host_commands_failed());
	host_json_print(&reply);
	if (!clean) {
		/* A channel that does not end still uses what would be freed now. */
		fflush(NULL);
		_exit(1);
	}
	host_session_threads_join();
	host_module_free();
	host_xml_set_file(NULL);
	host_completions_free();
	host_codec_free_all();
	host_core_free();
	return host_late_calls() || (strict && host_commands_failed()) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"module", required_argument, NULL, 'm'},
		{"log", required_argument, NULL, 'l'},
		{"temp", required_argument, NULL, 't'},
		{"realtime", no_argument, NULL, 'r'},
		{"strict", no_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *environment = getenv("TMPDIR");
	const char *temp_dir = environment ? environment : "";
	const char *module = NULL;
	struct {
		int kind;
		char *text;
	} scripts[COMMANDS_MAX];
	int n_scripts = 0;
	int64_t level;
	bool go_on = true;
	int option;

	while ((option = getopt_long(argc, argv, "m:l:t:rsc:f:h", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			module = optarg;
			break;
		case 'l':
			if (!host_parse_number(optarg, &level)) {
				return print_usage(2);
			}
			host_log_set_level((int) level);
			break;
		case 't':
			temp_dir = optarg;
			break;
		case 'r':
			if (!host_process_go_realtime()) {
				perror("oas_host: no real-time scheduling");
			}
			break;
		case 's':
			strict = true;
			break;
		case 'c':
		case 'f':
			if (n_scripts < COMMANDS_MAX) {
				scripts[n_scripts].kind = option;
				scripts[n_scripts++].text = optarg;
			}
			break;
		default:
			return print_usage(option == 'h' ? 0 : 2);
		}
	}
	host_start_ns();
	host_signals_prepare();
	host_core_set_temp_dir(*temp_dir ? temp_dir : "/tmp");
	host_module_name(module);
	host_events_start();
	for (int i = 0; i < n_scripts && go_on; i++) {
		go_on = scripts[i].kind == 'c' ? run_line(scripts[i].text) : run_file(scripts[i].text);
	}
	if (!n_scripts) {
		run_stream(stdin);
	}
	return shut_down();
}
