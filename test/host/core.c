/* SPDX-License-Identifier: MIT
 *
 * What the core says about itself, its global variables and directories, and its text functions.
 */
#include "host.h"

SWITCH_DECLARE_DATA switch_directories SWITCH_GLOBAL_dirs;

static _Atomic bool running = true;

static pthread_mutex_t variables_mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static host_pair_t *variables;

switch_bool_t switch_core_running(void)
{
	return atomic_load(&running) ? SWITCH_TRUE : SWITCH_FALSE;
}

switch_bool_t switch_core_ready(void)
{
	return switch_core_running();
}

/* As the core does it: SWITCH_LOG_DISABLE and whatever is higher is set, anything lower asks. */
int32_t switch_core_session_ctl(switch_session_ctl_t cmd, void *val)
{
	int *level = val;

	HOST_NOTE_CALL();
	if (cmd != SCSC_LOGLEVEL || !switch_core_running()) {
		return -1;
	}
	if (*level >= SWITCH_LOG_DISABLE) {
		host_log_set_level(*level > SWITCH_LOG_DEBUG ? SWITCH_LOG_DEBUG : *level);
	}
	*level = host_log_get_level();
	return 0;
}

void host_core_set_running(bool value)
{
	atomic_store(&running, value);
}

const char *switch_version_full(void)
{
	return "stand-in 1.10.12";
}

char *switch_core_get_uuid(void)
{
	static char uuid[] = "00000000-0000-4000-8000-000000000000";

	return uuid;
}

const char *switch_core_get_switchname(void)
{
	return "oas-host";
}

const char *switch_core_get_hostname(void)
{
	return "oas-host";
}

static void set_dir(char **dir, const char *value)
{
	free(*dir);
	*dir = strdup(value);
	switch_assert(*dir);
}

void host_core_set_module_dir(const char *module_path)
{
	const char *slash = strrchr(module_path, '/');

	free(SWITCH_GLOBAL_dirs.mod_dir);
	SWITCH_GLOBAL_dirs.mod_dir = slash ? strndup(module_path, (size_t) (slash - module_path)) : strdup(".");
}

void host_core_set_temp_dir(const char *temp_dir)
{
	set_dir(&SWITCH_GLOBAL_dirs.base_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.mod_dir, ".");
	set_dir(&SWITCH_GLOBAL_dirs.conf_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.log_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.run_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.temp_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.storage_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.recordings_dir, temp_dir);
	set_dir(&SWITCH_GLOBAL_dirs.certs_dir, temp_dir);
}

void host_core_free(void)
{
	free(SWITCH_GLOBAL_dirs.base_dir);
	free(SWITCH_GLOBAL_dirs.mod_dir);
	free(SWITCH_GLOBAL_dirs.conf_dir);
	free(SWITCH_GLOBAL_dirs.log_dir);
	free(SWITCH_GLOBAL_dirs.run_dir);
	free(SWITCH_GLOBAL_dirs.temp_dir);
	free(SWITCH_GLOBAL_dirs.storage_dir);
	free(SWITCH_GLOBAL_dirs.recordings_dir);
	free(SWITCH_GLOBAL_dirs.certs_dir);
	memset(&SWITCH_GLOBAL_dirs, 0, sizeof(SWITCH_GLOBAL_dirs));
	while (variables) {
		host_pair_t *pair = variables;

		variables = pair->next;
		free(pair->name);
		free(pair->value);
		free(pair);
	}
}

char *switch_core_get_variable_dup(const char *varname)
{
	char *value = NULL;

	pthread_mutex_lock(&variables_mutex);
	for (host_pair_t *pair = variables; pair && !value; pair = pair->next) {
		if (!strcmp(pair->name, varname)) {
			value = strdup(pair->value);
		}
	}
	pthread_mutex_unlock(&variables_mutex);
	return value;
}

char *switch_core_get_variable(const char *varname)
{
	char *value = NULL;

	pthread_mutex_lock(&variables_mutex);
	for (host_pair_t *pair = variables; pair && !value; pair = pair->next) {
		if (!strcmp(pair->name, varname)) {
			value = pair->value;
		}
	}
	pthread_mutex_unlock(&variables_mutex);
	return value;
}

void switch_core_set_variable(const char *varname, const char *value)
{
	pthread_mutex_lock(&variables_mutex);
	for (host_pair_t **link = &variables; *link; link = &(*link)->next) {
		host_pair_t *pair = *link;

		if (!strcmp(pair->name, varname)) {
			*link = pair->next;
			free(pair->name);
			free(pair->value);
			free(pair);
			break;
		}
	}
	if (value) {
		host_pair_t *pair = calloc(1, sizeof(*pair));

		switch_assert(pair);
		pair->name = strdup(varname);
		pair->value = strdup(value);
		pair->next = variables;
		variables = pair;
	}
	pthread_mutex_unlock(&variables_mutex);
}

char *switch_mprintf(const char *zFormat, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, zFormat);
	if (vasprintf(&text, zFormat, args) < 0) {
		text = NULL;
	}
	va_end(args);
	return text;
}

int switch_snprintf(char *buf, switch_size_t len, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf, len, format, args);
	va_end(args);
	return n;
}

char *switch_copy_string(char *dst, const char *src, switch_size_t dst_size)
{
	size_t len;

	if (!dst || !dst_size) {
		return dst;
	}
	len = src ? strnlen(src, dst_size - 1) : 0;
	if (len) {
		memcpy(dst, src, len);
	}
	dst[len] = '\0';
	return dst + len;
}

/* Only the plain form: runs of the delimiter count once, and single quotes hold an argument together. */
unsigned int switch_separate_string(char *buf, char delim, char **array, unsigned int arraylen)
{
	unsigned int n = 0;
	char *p = buf;

	while (p && *p && n < arraylen) {
		while (*p == delim) {
			p++;
		}
		if (!*p) {
			break;
		}
		if (*p == '\'') {
			array[n++] = ++p;
			p = strchr(p, '\'');
		} else {
			array[n++] = p;
			p = n < arraylen ? strchr(p, delim) : NULL;
		}
		if (p) {
			*p++ = '\0';
		}
	}
	return n;
}
