/* SPDX-License-Identifier: MIT
 *
 * The macros with which a module is written: its definition, its interfaces, its log lines, and the short names that
 * FreeSWITCH gives to functions which want to know their caller. Part of the stand-in's <switch.h>.
 */
#ifndef STANDIN_SWITCH_MODULE_H
#define STANDIN_SWITCH_MODULE_H

#define SWITCH_MODULE_LOAD_ARGS (switch_loadable_module_interface_t * *module_interface, switch_memory_pool_t * pool)
#define SWITCH_MODULE_RUNTIME_ARGS (void)
#define SWITCH_MODULE_SHUTDOWN_ARGS (void)

typedef switch_status_t(*switch_module_load_t) SWITCH_MODULE_LOAD_ARGS;
typedef switch_status_t(*switch_module_runtime_t) SWITCH_MODULE_RUNTIME_ARGS;
typedef switch_status_t(*switch_module_shutdown_t) SWITCH_MODULE_SHUTDOWN_ARGS;

typedef struct switch_loadable_module_function_table {
	int switch_api_version;
	switch_module_load_t load;
	switch_module_shutdown_t shutdown;
	switch_module_runtime_t runtime;
	switch_module_flag_t flags;
} switch_loadable_module_function_table_t;

#define SWITCH_MODULE_LOAD_FUNCTION(name) switch_status_t name SWITCH_MODULE_LOAD_ARGS
#define SWITCH_MODULE_RUNTIME_FUNCTION(name) switch_status_t name SWITCH_MODULE_RUNTIME_ARGS
#define SWITCH_MODULE_SHUTDOWN_FUNCTION(name) switch_status_t name SWITCH_MODULE_SHUTDOWN_ARGS

#define SWITCH_MODULE_DEFINITION_EX(name, load, shutdown, runtime, flags) \
	static const char modname[] = #name; \
	SWITCH_MOD_DECLARE_DATA switch_loadable_module_function_table_t name##_module_interface = { \
		SWITCH_API_VERSION, load, shutdown, runtime, flags}

#define SWITCH_MODULE_DEFINITION(name, load, shutdown, runtime) \
	SWITCH_MODULE_DEFINITION_EX(name, load, shutdown, runtime, SMODF_NONE)

#define SWITCH_STANDARD_API(name) \
	static switch_status_t name(const char *cmd, switch_core_session_t *session, switch_stream_handle_t *stream)
#define SWITCH_STANDARD_APP(name) static void name(switch_core_session_t *session, const char *data)

#define SWITCH_ADD_API(api_int, int_name, descript, funcptr, syntax_string) \
	for (;;) { \
		api_int = (switch_api_interface_t *) switch_loadable_module_create_interface(*module_interface, \
																					 SWITCH_API_INTERFACE); \
		api_int->interface_name = int_name; \
		api_int->desc = descript; \
		api_int->function = funcptr; \
		api_int->syntax = syntax_string; \
		break; \
	}

#define SWITCH_ADD_APP(app_int, int_name, short_descript, long_descript, funcptr, syntax_string, app_flags) \
	for (;;) { \
		app_int = (switch_application_interface_t *) switch_loadable_module_create_interface( \
			*module_interface, SWITCH_APPLICATION_INTERFACE); \
		app_int->interface_name = int_name; \
		app_int->application_function = funcptr; \
		app_int->short_desc = short_descript; \
		app_int->long_desc = long_descript; \
		app_int->syntax = syntax_string; \
		app_int->flags = app_flags; \
		break; \
	}

/* The core counts who uses an interface. */
#define UNPROTECT_INTERFACE(_it) (void) (_it)

#define SWITCH_STANDARD_STREAM(s) \
	memset(&s, 0, sizeof(s)); \
	s.data = malloc(SWITCH_CMD_CHUNK_LEN); \
	switch_assert(s.data); \
	memset(s.data, 0, SWITCH_CMD_CHUNK_LEN); \
	s.end = s.data; \
	s.data_size = SWITCH_CMD_CHUNK_LEN; \
	s.write_function = switch_console_stream_write; \
	s.raw_write_function = switch_console_stream_raw_write; \
	s.alloc_len = SWITCH_CMD_CHUNK_LEN; \
	s.alloc_chunk = SWITCH_CMD_CHUNK_LEN

/* Where a log line comes from. The session's line carries the session itself where the others carry a uuid. */
#define SWITCH_CHANNEL_LOG SWITCH_CHANNEL_ID_LOG, __FILE__, __SWITCH_FUNC__, __LINE__, NULL
#define SWITCH_CHANNEL_LOG_CLEAN SWITCH_CHANNEL_ID_LOG_CLEAN, __FILE__, __SWITCH_FUNC__, __LINE__, NULL
#define SWITCH_CHANNEL_SESSION_LOG(x) \
	SWITCH_CHANNEL_ID_SESSION, __FILE__, __SWITCH_FUNC__, __LINE__, (const char *) switch_core_session_type_check(x)
#define SWITCH_CHANNEL_CHANNEL_LOG(x) \
	SWITCH_CHANNEL_ID_SESSION, __FILE__, __SWITCH_FUNC__, __LINE__, (const char *) switch_channel_get_session(x)
#define SWITCH_CHANNEL_UUID_LOG(x) \
	SWITCH_CHANNEL_ID_LOG, __FILE__, __SWITCH_FUNC__, __LINE__, switch_const_char_type_check(x)

static inline switch_core_session_t *switch_core_session_type_check(switch_core_session_t *session)
{
	return session;
}

static inline const char *switch_const_char_type_check(const char *str)
{
	return str;
}

#define SWITCH_EVENT_SUBCLASS_ANY NULL
#define switch_event_create_subclass(_e, _eid, _sn) \
	switch_event_create_subclass_detailed(__FILE__, __SWITCH_FUNC__, __LINE__, _e, _eid, _sn)
#define switch_event_create(event, id) switch_event_create_subclass(event, id, SWITCH_EVENT_SUBCLASS_ANY)
#define switch_core_session_receive_message(_session, _message) \
	switch_core_session_perform_receive_message(_session, _message, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_file_open(_fh, _file_path, _channels, _rate, _flags, _pool) \
	switch_core_perform_file_open(__FILE__, __SWITCH_FUNC__, __LINE__, _fh, _file_path, _channels, _rate, _flags, _pool)
#define switch_event_fire(event) switch_event_fire_detailed(__FILE__, __SWITCH_FUNC__, __LINE__, event, NULL)
#define switch_event_get_header(_e, _h) switch_event_get_header_idx(_e, _h, -1)
#define switch_event_reserve_subclass(subclass_name) switch_event_reserve_subclass_detailed(__FILE__, subclass_name)
#define switch_event_free_subclass(subclass_name) switch_event_free_subclass_detailed(__FILE__, subclass_name)
#define switch_event_safe_destroy(_event) \
	if (_event) \
	switch_event_destroy(&_event)

#define switch_core_new_memory_pool(p) switch_core_perform_new_memory_pool(p, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_destroy_memory_pool(p) \
	switch_core_perform_destroy_memory_pool(p, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_alloc(_pool, _mem) switch_core_perform_alloc(_pool, _mem, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_strdup(_pool, _todup) switch_core_perform_strdup(_pool, _todup, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_session_alloc(_session, _memory) \
	switch_core_perform_session_alloc(_session, _memory, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_session_strdup(_session, _todup) \
	switch_core_perform_session_strdup(_session, _todup, __FILE__, __SWITCH_FUNC__, __LINE__)

#define switch_core_session_kill_channel(session, sig) \
	switch_core_session_perform_kill_channel(session, __FILE__, __SWITCH_FUNC__, __LINE__, sig)
#define SWITCH_READ_ACCEPTABLE(status) \
	((status) == SWITCH_STATUS_SUCCESS || (status) == SWITCH_STATUS_BREAK || (status) == SWITCH_STATUS_INUSE)
#define switch_core_session_locate(uuid_str) \
	switch_core_session_perform_locate(uuid_str, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_session_force_locate(uuid_str) \
	switch_core_session_perform_force_locate(uuid_str, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_core_session_get_name(_s) switch_channel_get_name(switch_core_session_get_channel(_s))
#define switch_core_media_bug_remove_all(_s) switch_core_media_bug_remove_all_function(_s, NULL)
#define switch_core_codec_init(_codec, _codec_name, _modname, _fmtp, _rate, _ms, _channels, _flags, _codec_settings, \
							   _pool) \
	switch_core_codec_init_with_bitrate(_codec, _codec_name, _modname, _fmtp, _rate, _ms, _channels, 0, _flags, \
										_codec_settings, _pool)

#define switch_channel_ready(_channel) switch_channel_test_ready(_channel, SWITCH_TRUE, SWITCH_FALSE)
#define switch_channel_media_ready(_channel) switch_channel_test_ready(_channel, SWITCH_TRUE, SWITCH_TRUE)
#define switch_channel_media_up(_channel) \
	(switch_channel_test_flag(_channel, CF_ANSWERED) || switch_channel_test_flag(_channel, CF_EARLY_MEDIA))
#define switch_channel_up(_channel) \
	(switch_channel_check_signal(_channel, SWITCH_TRUE) || switch_channel_get_state(_channel) < CS_HANGUP)
#define switch_channel_down(_channel) \
	(switch_channel_check_signal(_channel, SWITCH_TRUE) || switch_channel_get_state(_channel) >= CS_HANGUP)
#define switch_channel_up_nosig(_channel) (switch_channel_get_state(_channel) < CS_HANGUP)
#define switch_channel_down_nosig(_channel) (switch_channel_get_state(_channel) >= CS_HANGUP)
#define switch_channel_set_flag(_c, _f) switch_channel_set_flag_value(_c, _f, 1)
#define switch_channel_get_variable(_c, _v) switch_channel_get_variable_dup(_c, _v, SWITCH_TRUE, -1)
#define switch_channel_set_variable(_channel, _var, _val) \
	switch_channel_set_variable_var_check(_channel, _var, _val, SWITCH_TRUE)
#define switch_channel_hangup(channel, hangup_cause) \
	switch_channel_perform_hangup(channel, __FILE__, __SWITCH_FUNC__, __LINE__, hangup_cause)
#define switch_channel_answer(channel) switch_channel_perform_answer(channel, __FILE__, __SWITCH_FUNC__, __LINE__)
#define switch_channel_pre_answer(channel) \
	switch_channel_perform_pre_answer(channel, __FILE__, __SWITCH_FUNC__, __LINE__)

#define switch_xml_toxml(xml, prn_header) switch_xml_toxml_ex(xml, prn_header, SWITCH_TRUE)
#define switch_yield(ms) switch_sleep(ms);

#define switch_assert(expr) assert(expr)
#define switch_test_flag(obj, flag) ((obj)->flags & flag)
#define switch_set_flag(obj, flag) (obj)->flags |= (flag)
#define switch_clear_flag(obj, flag) (obj)->flags &= ~(flag)
#define switch_str_nil(s) (s ? s : "")
#define switch_arraylen(_a) (sizeof(_a) / sizeof(_a[0]))
#define switch_set_string(_dst, _src) switch_copy_string(_dst, _src, sizeof(_dst))
#define switch_safe_free(it) \
	if (it) { \
		free(it); \
		it = NULL; \
	}
#define switch_zmalloc(ptr, len) (void) (ptr = calloc(1, (len)))
#define switch_malloc(ptr, len) (void) (ptr = malloc(len))

static inline int zstr(const char *s)
{
	return !s || *s == '\0';
}
#define zstr_buf(s) (*(s) == '\0')

static inline switch_bool_t switch_true(const char *expr)
{
	return (expr && (!strcasecmp(expr, "yes") || !strcasecmp(expr, "on") || !strcasecmp(expr, "true") ||
					 !strcasecmp(expr, "t") || !strcasecmp(expr, "enabled") || !strcasecmp(expr, "active") ||
					 !strcasecmp(expr, "allow") || atoi(expr)))
			 ? SWITCH_TRUE
			 : SWITCH_FALSE;
}

static inline switch_bool_t switch_core_codec_ready(switch_codec_t *codec)
{
	return (codec && (codec->flags & SWITCH_CODEC_FLAG_READY) && codec->mutex && codec->codec_interface &&
			codec->implementation)
			 ? SWITCH_TRUE
			 : SWITCH_FALSE;
}

#endif
