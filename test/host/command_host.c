/* SPDX-License-Identifier: MIT
 *
 * Commands about the module, the configuration, the figures and the process.
 */
#include "command.h"

static bool fail_if(host_command_call_t *call, const char *error)
{
	return !error || host_command_fail(call, "%s", error);
}

static bool command_load(host_command_call_t *call)
{
	return fail_if(call, host_module_load(call->n_words ? call->words[0] : NULL));
}

static bool command_unload(host_command_call_t *call)
{
	bool force = host_command_number_option(call, "force", 0) != 0;

	return fail_if(call, host_module_unload(force));
}

static bool command_allowlist(host_command_call_t *call)
{
	host_module_refuse_apis(!strcmp(call->words[0], "refuse"));
	return true;
}

static bool command_latelock(host_command_call_t *call)
{
	host_session_lock_late(host_command_number(call, call->words[0]) * 1000);
	return true;
}

static bool command_reload(host_command_call_t *call)
{
	const char *error = host_module_unload(false);

	return fail_if(call, error ? error : host_module_load(NULL));
}

static bool command_module(host_command_call_t *call)
{
	host_module_describe(call->reply);
	host_completions_describe(call->reply);
	return true;
}

static bool run_api(host_command_call_t *call, const char *args, switch_core_session_t *session)
{
	char *reply = NULL;
	const char *error = host_module_api(args, session, &reply);

	if (error) {
		return host_command_fail(call, "%s", error);
	}
	host_json_string(call->reply, "text", reply ? reply : "");
	free(reply);
	return true;
}

static bool command_api(host_command_call_t *call)
{
	return run_api(call, call->rest, NULL);
}

typedef struct exec_job {
	host_command_call_t *call;
	switch_core_session_t *session;
	const char *args;
	bool ok;

	pthread_mutex_t mutex; /* Protects following. */
	pthread_cond_t changed;
	bool done;
} exec_job_t;

static void exec_run(void *arg)
{
	exec_job_t *job = arg;

	job->ok = run_api(job->call, job->args, job->session);
	pthread_mutex_lock(&job->mutex);
	job->done = true;
	pthread_cond_signal(&job->changed);
	pthread_mutex_unlock(&job->mutex);
}

/* The API as a dialplan runs it: on the channel's own thread, which meanwhile handles no media. */
static bool command_exec(host_command_call_t *call)
{
	exec_job_t job = {.call = call, .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	bool posted;

	job.session = host_command_channel(call, 0);
	if (!job.session) {
		return false;
	}
	job.args = call->rest + strcspn(call->rest, " \t");
	job.args += strspn(job.args, " \t");
	posted = host_session_post(job.session, exec_run, &job);
	switch_core_session_rwunlock(job.session);
	if (!posted) {
		return host_command_fail(call, "the channel is ending");
	}
	pthread_mutex_lock(&job.mutex);
	while (!job.done) {
		pthread_cond_wait(&job.changed, &job.mutex);
	}
	pthread_mutex_unlock(&job.mutex);
	return job.ok;
}

static bool command_config(host_command_call_t *call)
{
	return fail_if(call, host_xml_set_file(call->words[0]));
}

static bool command_reloadxml(host_command_call_t *call)
{
	(void) call;
	host_event_fire_simple(SWITCH_EVENT_RELOADXML, NULL);
	host_events_flush();
	return true;
}

static bool command_global(host_command_call_t *call)
{
	if (call->n_words > 1) {
		switch_core_set_variable(call->words[0], call->words[1]);
	} else {
		char *value = switch_core_get_variable_dup(call->words[0]);

		host_json_string(call->reply, "value", value ? value : "");
		free(value);
	}
	return true;
}

static bool command_stats(host_command_call_t *call)
{
	host_session_threads_join();
	host_stats_describe(call->reply);
	host_process_describe(call->reply);
	host_json_int(call->reply, "channels", host_sessions_alive());
	host_json_int(call->reply, "bugs", host_bugs_alive());
	host_json_int(call->reply, "pools", host_pools_alive());
	host_json_int(call->reply, "events_fired", (int64_t) host_events_fired());
	host_json_int(call->reply, "events_alive", host_events_alive());
	host_json_int(call->reply, "late_calls", (int64_t) host_late_calls());
	return true;
}

static bool command_resetstats(host_command_call_t *call)
{
	(void) call;
	host_stats_reset();
	return true;
}

static bool command_threads(host_command_call_t *call)
{
	host_session_threads_join();
	host_threads_describe(call->reply);
	return true;
}

static bool command_signals(host_command_call_t *call)
{
	host_signals_describe(call->reply);
	return true;
}

static bool command_events(host_command_call_t *call)
{
	if (!strcmp(call->words[0], "forget")) {
		host_events_flush();
		host_events_forget();
	} else if (!strcmp(call->words[0], "flush")) {
		host_events_flush();
	} else {
		return host_command_fail(call, "flush or forget?");
	}
	return true;
}

static bool command_log(host_command_call_t *call)
{
	switch_core_session_t *session;

	if (call->n_words == 1) {
		host_log_set_level((int) host_command_number(call, call->words[0]));
		return true;
	}
	session = host_command_channel(call, 1);
	if (!session) {
		return false;
	}
	switch_core_session_set_loglevel(session, (switch_log_level_t) (int) host_command_number(call, call->words[0]));
	switch_core_session_rwunlock(session);
	return true;
}

static bool command_help(host_command_call_t *call)
{
	const host_command_entry_t *tables[] = {host_call_commands, host_other_commands};

	host_json_open(call->reply, "commands", '{');
	for (size_t t = 0; t < switch_arraylen(tables); t++) {
		for (const host_command_entry_t *entry = tables[t]; entry->name; entry++) {
			host_json_string(call->reply, entry->name, entry->usage);
		}
	}
	host_json_string(call->reply, "quit", "[calls=1: shut the module down before the calls are hung up]");
	host_json_close(call->reply, '}');
	return true;
}

const host_command_entry_t host_other_commands[] = {
	{"load", "[path]", command_load, 0},
	{"unload", "[force=1]", command_unload, 0},
	{"reload", "", command_reload, 0},
	{"allowlist", "refuse|allow", command_allowlist, 1},
	{"latelock", "<ms>", command_latelock, 1},
	{"module", "", command_module, 0},
	{"api", "<arguments>", command_api, 0},
	{"exec", "<uuid> <arguments>", command_exec, 1},
	{"config", "<file.xml>|-", command_config, 1},
	{"reloadxml", "", command_reloadxml, 0},
	{"global", "<variable> [value]", command_global, 1},
	{"wait",
	 "ms=N | event=NAME [uuid=] [body=PART] | loud=1 uuid= | quiet=MS uuid= | heard=N uuid= | said=N uuid= | "
	 "gone=1 uuid= | channels=N   [timeout=5000]",
	 host_command_wait, 1},
	{"stats", "", command_stats, 0},
	{"resetstats", "", command_resetstats, 0},
	{"threads", "", command_threads, 0},
	{"signals", "", command_signals, 0},
	{"events", "flush|forget", command_events, 1},
	{"log", "<level 0-7> [uuid]", command_log, 1},
	{"help", "", command_help, 0},
	{NULL, NULL, NULL, 0},
};
