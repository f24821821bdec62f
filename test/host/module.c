/* SPDX-License-Identifier: MIT
 *
 * The module: loading it, running its API, unloading it, as the core's loader does; and noticing calls that it makes
 * after it was shut down, which in FreeSWITCH would find a core that is being taken apart.
 */
#include <dlfcn.h>

#include "host.h"

static pthread_rwlock_t use_lock = PTHREAD_RWLOCK_INITIALIZER; /* held for reading while the module's API runs */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static void *library;
static char *module_path;
static switch_memory_pool_t *module_pool;
static switch_loadable_module_interface_t *interface;
static switch_loadable_module_function_table_t *table;
static bool loaded;
static bool permanent; /* load returned SWITCH_STATUS_NOUNLOAD */

/* Where the module is mapped whose shutdown has returned and that has not been loaded again; or NULL. */
static void *_Atomic stopped_base;
static _Atomic uint64_t late_calls;
static _Atomic bool apis_refused;

switch_loadable_module_interface_t *switch_loadable_module_create_module_interface(switch_memory_pool_t *pool,
																				   const char *name)
{
	switch_loadable_module_interface_t *mod = switch_core_alloc(pool, sizeof(*mod));

	mod->pool = pool;
	mod->module_name = switch_core_strdup(pool, name);
	switch_thread_rwlock_create(&mod->rwlock, pool);
	return mod;
}

void *switch_loadable_module_create_interface(switch_loadable_module_interface_t *mod,
											  switch_module_interface_name_t iname)
{
	if (iname == SWITCH_API_INTERFACE) {
		switch_api_interface_t *api = switch_core_alloc(mod->pool, sizeof(*api));

		api->next = mod->api_interface;
		mod->api_interface = api;
		return api;
	}
	if (iname == SWITCH_APPLICATION_INTERFACE) {
		switch_application_interface_t *app = switch_core_alloc(mod->pool, sizeof(*app));

		app->next = mod->application_interface;
		mod->application_interface = app;
		return app;
	}
	return NULL;
}

/* The table is named after the module; a file may have a longer name (mod_x_standin.so). */
static switch_loadable_module_function_table_t *find_table(void *lib, const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[512];
	char *end;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	end = strchr(name, '.');
	if (!end) {
		end = name + strlen(name);
	}
	while (end && end > name) {
		void *symbol;

		snprintf(end, sizeof(name) - (size_t) (end - name), "_module_interface");
		symbol = dlsym(lib, name);
		if (symbol) {
			return symbol;
		}
		*end = '\0';
		end = strrchr(name, '_');
	}
	return NULL;
}

/* The caller holds the mutex. */
static const char *load_locked(const char *path)
{
	switch_status_t status;

	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		return dlerror();
	}
	table = find_table(library, path);
	if (!table) {
		return "no module interface in it";
	}
	if (table->switch_api_version != SWITCH_API_VERSION) {
		return "Trying to load an out of date module, please rebuild the module.";
	}
	switch_core_new_memory_pool(&module_pool);
	interface = NULL;
	atomic_store(&stopped_base, NULL);
	status = table->load(&interface, module_pool);
	if ((status != SWITCH_STATUS_SUCCESS && status != SWITCH_STATUS_NOUNLOAD) || !interface) {
		return "Module load routine returned an error";
	}
	permanent = status == SWITCH_STATUS_NOUNLOAD;
	loaded = true;
	return NULL;
}

/* The caller holds the mutex. */
static void release(void)
{
	if (module_pool) {
		switch_core_destroy_memory_pool(&module_pool);
	}
	if (library) {
		dlclose(library);
	}
	library = NULL;
	table = NULL;
	interface = NULL;
}

static void fire_module_event(switch_event_types_t id, const char *path)
{
	switch_event_t *event;

	if (switch_event_create(&event, id) == SWITCH_STATUS_SUCCESS) {
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "filename", path);
		switch_event_fire(&event);
	}
}

void host_module_name(const char *path)
{
	pthread_mutex_lock(&mutex);
	free(module_path);
	module_path = path ? strdup(path) : NULL;
	pthread_mutex_unlock(&mutex);
}

const char *host_module_load(const char *path)
{
	const char *error = NULL;
	switch_module_runtime_t runtime = NULL;

	pthread_mutex_lock(&mutex);
	if (loaded) {
		error = "Module already loaded";
	} else if (!path && !module_path) {
		error = "no module is named: load PATH, or the option --module PATH";
	} else {
		if (path) {
			free(module_path);
			module_path = strdup(path);
		}
		host_core_set_module_dir(module_path);
		error = load_locked(module_path);
		if (error) {
			release();
		} else {
			fire_module_event(SWITCH_EVENT_MODULE_LOAD, module_path);
			runtime = table->runtime;
		}
	}
	pthread_mutex_unlock(&mutex);
	/* In the core on a thread of its own, and again and again until it asks for its end. */
	while (runtime && runtime() != SWITCH_STATUS_TERM) {
	}
	return error;
}

/* The caller holds the mutex. The API is gone first, then the module is told; then it must be silent. */
static switch_status_t shut_down(void)
{
	switch_status_t status = SWITCH_STATUS_SUCCESS;
	Dl_info image;

	loaded = false;
	if (table->shutdown) {
		status = table->shutdown();
	}
	if (dladdr(table, &image)) {
		atomic_store(&stopped_base, image.dli_fbase);
	}
	return status;
}

const char *host_module_unload(bool force)
{
	const char *error = NULL;

	pthread_mutex_lock(&mutex);
	if (!loaded) {
		error = "no module is loaded";
	} else if (permanent) {
		error = "Module is not unloadable";
	} else if (!force && pthread_rwlock_trywrlock(&use_lock)) {
		error = "Module in use.";
	} else {
		bool unload;

		if (!force) {
			pthread_rwlock_unlock(&use_lock);
		}
		unload = shut_down() != SWITCH_STATUS_NOUNLOAD;
		/* An API call that came in before may still run: in FreeSWITCH it would lose the ground under its feet. */
		pthread_rwlock_wrlock(&use_lock);
		if (unload) {
			release();
		}
		pthread_rwlock_unlock(&use_lock);
		fire_module_event(SWITCH_EVENT_MODULE_UNLOAD, module_path);
	}
	pthread_mutex_unlock(&mutex);
	return error;
}

bool host_module_loaded(void)
{
	bool is;

	pthread_mutex_lock(&mutex);
	is = loaded;
	pthread_mutex_unlock(&mutex);
	return is;
}

void host_module_shutdown(void)
{
	pthread_mutex_lock(&mutex);
	if (loaded) {
		shut_down();
	}
	pthread_mutex_unlock(&mutex);
}

void host_module_free(void)
{
	pthread_mutex_lock(&mutex);
	pthread_rwlock_wrlock(&use_lock);
	release();
	free(module_path);
	module_path = NULL;
	pthread_rwlock_unlock(&use_lock);
	pthread_mutex_unlock(&mutex);
}

switch_api_interface_t *switch_loadable_module_get_api_interface(const char *name)
{
	switch_api_interface_t *found = NULL;

	HOST_NOTE_CALL();
	pthread_mutex_lock(&mutex);
	/* 1.11's list of allowed interfaces: one that is not on it is passed over when the module is loaded. */
	for (switch_api_interface_t *api = loaded ? interface->api_interface : NULL; api && !found; api = api->next) {
		found = !strcmp(api->interface_name, name) && !atomic_load(&apis_refused) ? api : NULL;
	}
	pthread_mutex_unlock(&mutex);
	return found;
}

/* A module's command, or one that the global variable host_api_<command> gives the reply of. */
static switch_status_t run_command(const char *cmd, const char *arg, switch_core_session_t *session,
								   switch_stream_handle_t *stream)
{
	switch_api_interface_t *api = switch_loadable_module_get_api_interface(cmd);
	char name[256];
	char *reply;

	if (api) {
		return api->function(arg, session, stream);
	}
	snprintf(name, sizeof(name), "host_api_%s", cmd);
	reply = switch_core_get_variable_dup(name);
	stream->write_function(stream, "%s", reply ? reply : "INVALID COMMAND!\n");
	free(reply);
	return reply ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

switch_status_t switch_api_execute(const char *cmd, const char *arg, switch_core_session_t *session,
								   switch_stream_handle_t *stream)
{
	switch_status_t status;

	HOST_NOTE_CALL();
	if (!stream->param_event) {
		switch_event_create(&stream->param_event, SWITCH_EVENT_API);
	}
	switch_event_add_header_string(stream->param_event, SWITCH_STACK_BOTTOM, "API-Command", cmd);
	if (!zstr(arg)) {
		switch_event_add_header_string(stream->param_event, SWITCH_STACK_BOTTOM, "API-Command-Argument", arg);
	}
	status = run_command(cmd, arg, session, stream);
	switch_event_fire(&stream->param_event);
	return status;
}

void host_module_refuse_apis(bool refuse)
{
	atomic_store(&apis_refused, refuse);
}

/* The API function that args name, or else the module's only one. Skips the name. The caller holds the mutex. */
static switch_api_function_t find_api(const char **args)
{
	size_t len = strcspn(*args, " ");

	for (switch_api_interface_t *api = interface->api_interface; api; api = api->next) {
		if (strlen(api->interface_name) == len && !strncmp(api->interface_name, *args, len)) {
			*args += len + strspn(*args + len, " ");
			return api->function;
		}
	}
	return interface->api_interface ? interface->api_interface->function : NULL;
}

const char *host_module_api(const char *args, switch_core_session_t *session, char **reply)
{
	switch_stream_handle_t stream;
	switch_api_function_t function = NULL;
	int64_t start;

	pthread_mutex_lock(&mutex);
	if (loaded) {
		function = find_api(&args);
	}
	if (function) {
		pthread_rwlock_rdlock(&use_lock);
	}
	pthread_mutex_unlock(&mutex);
	if (!function) {
		return "no module with an API is loaded";
	}
	SWITCH_STANDARD_STREAM(stream);
	start = host_now_ns();
	function(args, session, &stream);
	host_stat_add(HOST_STAT_API, host_now_ns() - start);
	pthread_rwlock_unlock(&use_lock);
	*reply = stream.data;
	return NULL;
}

const char *host_module_app(const char *name, const char *data, switch_core_session_t *session)
{
	switch_application_function_t function = NULL;

	pthread_mutex_lock(&mutex);
	for (switch_application_interface_t *app = loaded ? interface->application_interface : NULL; app; app = app->next) {
		if (!strcmp(app->interface_name, name)) {
			function = app->application_function;
			pthread_rwlock_rdlock(&use_lock);
			break;
		}
	}
	pthread_mutex_unlock(&mutex);
	if (!function) {
		return "no application of this name";
	}
	function(session, data);
	pthread_rwlock_unlock(&use_lock);
	return NULL;
}

void host_module_describe(host_json_t *json)
{
	pthread_mutex_lock(&mutex);
	host_json_bool(json, "loaded", loaded);
	host_json_string(json, "path", module_path ? module_path : "");
	host_json_open(json, "apis", '[');
	for (switch_api_interface_t *api = loaded ? interface->api_interface : NULL; api; api = api->next) {
		host_json_open(json, NULL, '{');
		host_json_string(json, "name", api->interface_name);
		host_json_string(json, "description", api->desc ? api->desc : "");
		host_json_string(json, "syntax", api->syntax ? api->syntax : "");
		host_json_close(json, '}');
	}
	host_json_close(json, ']');
	pthread_mutex_unlock(&mutex);
}

uint64_t host_late_calls(void)
{
	return atomic_load(&late_calls);
}

void host_note_call(void *caller, const char *function)
{
	void *base = atomic_load(&stopped_base);
	Dl_info info;

	if (base && dladdr(caller, &info) && info.dli_fbase == base) {
		atomic_fetch_add(&late_calls, 1);
		fprintf(stderr, "oas_host: the module called %s after its shutdown\n", function);
	}
}
