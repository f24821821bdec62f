/* SPDX-License-Identifier: MIT
 *
 * The functions of the FreeSWITCH core that the stand-in implements. The file declares functions and nothing else, so
 * that check_real_headers.c can read it after the real <switch.h>: where a prototype differs the compiler refuses it.
 */
#ifndef STANDIN_PROTOTYPES_H
#define STANDIN_PROTOTYPES_H

/* Log. */
SWITCH_DECLARE(void)
switch_log_printf(switch_text_channel_t channel, const char *file, const char *func, int line, const char *userdata,
				  switch_log_level_t level, const char *fmt, ...) PRINTF_FUNCTION(7, 8);

/* Memory. */
SWITCH_DECLARE(switch_status_t)
switch_core_perform_new_memory_pool(switch_memory_pool_t **pool, const char *file, const char *func, int line);
SWITCH_DECLARE(switch_status_t)
switch_core_perform_destroy_memory_pool(switch_memory_pool_t **pool, const char *file, const char *func, int line);
SWITCH_DECLARE(void *)
switch_core_perform_alloc(switch_memory_pool_t *pool, switch_size_t memory, const char *file, const char *func,
						  int line);
SWITCH_DECLARE(char *)
switch_core_perform_strdup(switch_memory_pool_t *pool, const char *todup, const char *file, const char *func, int line);
SWITCH_DECLARE(void *)
switch_core_perform_session_alloc(switch_core_session_t *session, switch_size_t memory, const char *file,
								  const char *func, int line);
SWITCH_DECLARE(char *)
switch_core_perform_session_strdup(switch_core_session_t *session, const char *todup, const char *file,
								   const char *func, int line);
SWITCH_DECLARE(char *) switch_core_sprintf(switch_memory_pool_t *pool, const char *fmt, ...);

/* Mutexes, locks, conditions, threads. */
SWITCH_DECLARE(switch_status_t)
switch_mutex_init(switch_mutex_t **lock, unsigned int flags, switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_mutex_destroy(switch_mutex_t *lock);
SWITCH_DECLARE(switch_status_t) switch_mutex_lock(switch_mutex_t *lock);
SWITCH_DECLARE(switch_status_t) switch_mutex_unlock(switch_mutex_t *lock);
SWITCH_DECLARE(switch_status_t) switch_mutex_trylock(switch_mutex_t *lock);
SWITCH_DECLARE(switch_status_t)
switch_thread_rwlock_create(switch_thread_rwlock_t **rwlock, switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_destroy(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_rdlock(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_tryrdlock(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_wrlock(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_trywrlock(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_rwlock_unlock(switch_thread_rwlock_t *rwlock);
SWITCH_DECLARE(switch_status_t) switch_thread_cond_create(switch_thread_cond_t **cond, switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_thread_cond_wait(switch_thread_cond_t *cond, switch_mutex_t *mutex);
SWITCH_DECLARE(switch_status_t)
switch_thread_cond_timedwait(switch_thread_cond_t *cond, switch_mutex_t *mutex, switch_interval_time_t timeout);
SWITCH_DECLARE(switch_status_t) switch_thread_cond_signal(switch_thread_cond_t *cond);
SWITCH_DECLARE(switch_status_t) switch_thread_cond_broadcast(switch_thread_cond_t *cond);
SWITCH_DECLARE(switch_status_t) switch_thread_cond_destroy(switch_thread_cond_t *cond);
SWITCH_DECLARE(switch_status_t) switch_threadattr_create(switch_threadattr_t **new_attr, switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_threadattr_stacksize_set(switch_threadattr_t *attr, switch_size_t stacksize);
SWITCH_DECLARE(switch_status_t)
switch_threadattr_priority_set(switch_threadattr_t *attr, switch_thread_priority_t priority);
SWITCH_DECLARE(switch_status_t) switch_threadattr_detach_set(switch_threadattr_t *attr, int32_t on);
SWITCH_DECLARE(switch_status_t)
switch_thread_create(switch_thread_t **new_thread, switch_threadattr_t *attr, switch_thread_start_t func, void *data,
					 switch_memory_pool_t *cont);
SWITCH_DECLARE(switch_status_t) switch_thread_join(switch_status_t *retval, switch_thread_t *thd);
SWITCH_DECLARE(switch_status_t) switch_thread_exit(switch_thread_t *thd, switch_status_t retval);
SWITCH_DECLARE(switch_thread_id_t) switch_thread_self(void);

/* Time. */
SWITCH_DECLARE(void) switch_sleep(switch_interval_time_t t);
SWITCH_DECLARE(void) switch_cond_next(void);
SWITCH_DECLARE(switch_time_t) switch_time_now(void);
SWITCH_DECLARE(switch_time_t) switch_micro_time_now(void);
SWITCH_DECLARE(switch_time_t) switch_mono_micro_time_now(void);
SWITCH_DECLARE(time_t) switch_epoch_time_now(time_t *t);

/* Core. */
SWITCH_DECLARE(switch_bool_t) switch_core_running(void);
SWITCH_DECLARE(switch_bool_t) switch_core_ready(void);
SWITCH_DECLARE(const char *) switch_version_full(void);
SWITCH_DECLARE(char *) switch_core_get_uuid(void);
SWITCH_DECLARE(const char *) switch_core_get_switchname(void);
SWITCH_DECLARE(const char *) switch_core_get_hostname(void);
SWITCH_DECLARE(char *) switch_core_get_variable(const char *varname);
SWITCH_DECLARE(char *) switch_core_get_variable_dup(const char *varname);
SWITCH_DECLARE(void) switch_core_set_variable(const char *varname, const char *value);

/* Text. */
SWITCH_DECLARE(char *) switch_mprintf(const char *zFormat, ...);
SWITCH_DECLARE(int) switch_snprintf(char *buf, switch_size_t len, const char *format, ...);
SWITCH_DECLARE(char *) switch_copy_string(char *dst, const char *src, switch_size_t dst_size);
SWITCH_DECLARE(unsigned int) switch_separate_string(char *buf, char delim, char **array, unsigned int arraylen);

/* Events. */
SWITCH_DECLARE(switch_status_t)
switch_event_create_subclass_detailed(const char *file, const char *func, int line, switch_event_t **event,
									  switch_event_types_t event_id, const char *subclass_name);
SWITCH_DECLARE(switch_status_t)
switch_event_add_header(switch_event_t *event, switch_stack_t stack, const char *header_name, const char *fmt, ...)
	PRINTF_FUNCTION(4, 5);
SWITCH_DECLARE(switch_status_t)
switch_event_add_header_string(switch_event_t *event, switch_stack_t stack, const char *header_name, const char *data);
SWITCH_DECLARE(char *) switch_event_get_header_idx(switch_event_t *event, const char *header_name, int idx);
SWITCH_DECLARE(char *) switch_event_get_body(switch_event_t *event);
SWITCH_DECLARE(switch_status_t)
switch_event_add_body(switch_event_t *event, const char *fmt, ...) PRINTF_FUNCTION(2, 3);
SWITCH_DECLARE(switch_status_t) switch_event_set_body(switch_event_t *event, const char *body);
SWITCH_DECLARE(void) switch_event_destroy(switch_event_t **event);
SWITCH_DECLARE(switch_status_t)
switch_event_fire_detailed(const char *file, const char *func, int line, switch_event_t **event, void *user_data);
SWITCH_DECLARE(switch_status_t)
switch_event_bind(const char *id, switch_event_types_t event, const char *subclass_name,
				  switch_event_callback_t callback, void *user_data);
SWITCH_DECLARE(switch_status_t)
switch_event_bind_removable(const char *id, switch_event_types_t event, const char *subclass_name,
							switch_event_callback_t callback, void *user_data, switch_event_node_t **node);
SWITCH_DECLARE(switch_status_t) switch_event_unbind(switch_event_node_t **node);
SWITCH_DECLARE(switch_status_t) switch_event_unbind_callback(switch_event_callback_t callback);
SWITCH_DECLARE(switch_status_t) switch_event_reserve_subclass_detailed(const char *owner, const char *subclass_name);
SWITCH_DECLARE(switch_status_t) switch_event_free_subclass_detailed(const char *owner, const char *subclass_name);
SWITCH_DECLARE(const char *) switch_event_name(switch_event_types_t event);

/* Sessions. */
SWITCH_DECLARE(switch_core_session_t *)
switch_core_session_perform_locate(const char *uuid_str, const char *file, const char *func, int line);
SWITCH_DECLARE(switch_core_session_t *)
switch_core_session_perform_force_locate(const char *uuid_str, const char *file, const char *func, int line);
SWITCH_DECLARE(switch_status_t) switch_core_session_read_lock(switch_core_session_t *session);
SWITCH_DECLARE(void) switch_core_session_rwunlock(switch_core_session_t *session);
SWITCH_DECLARE(switch_channel_t *) switch_core_session_get_channel(switch_core_session_t *session);
SWITCH_DECLARE(char *) switch_core_session_get_uuid(switch_core_session_t *session);
SWITCH_DECLARE(switch_memory_pool_t *) switch_core_session_get_pool(switch_core_session_t *session);
SWITCH_DECLARE(switch_status_t)
switch_core_session_set_loglevel(switch_core_session_t *session, switch_log_level_t loglevel);
SWITCH_DECLARE(switch_log_level_t) switch_core_session_get_loglevel(switch_core_session_t *session);
SWITCH_DECLARE(int32_t) switch_core_session_ctl(switch_session_ctl_t cmd, void *val);
SWITCH_DECLARE(switch_status_t)
switch_core_session_get_read_impl(switch_core_session_t *session, switch_codec_implementation_t *impp);
SWITCH_DECLARE(switch_status_t)
switch_core_session_get_real_read_impl(switch_core_session_t *session, switch_codec_implementation_t *impp);
SWITCH_DECLARE(switch_status_t)
switch_core_session_get_write_impl(switch_core_session_t *session, switch_codec_implementation_t *impp);
SWITCH_DECLARE(switch_codec_t *) switch_core_session_get_read_codec(switch_core_session_t *session);
SWITCH_DECLARE(switch_codec_t *) switch_core_session_get_write_codec(switch_core_session_t *session);
SWITCH_DECLARE(switch_codec_t *) switch_core_session_get_effective_read_codec(switch_core_session_t *session);
SWITCH_DECLARE(switch_codec_t *) switch_core_session_get_effective_write_codec(switch_core_session_t *session);
SWITCH_DECLARE(void) switch_core_session_lock_codec_read(switch_core_session_t *session);
SWITCH_DECLARE(void) switch_core_session_unlock_codec_read(switch_core_session_t *session);
SWITCH_DECLARE(void) switch_core_session_lock_codec_write(switch_core_session_t *session);
SWITCH_DECLARE(void) switch_core_session_unlock_codec_write(switch_core_session_t *session);
SWITCH_DECLARE(switch_status_t)
switch_core_session_write_frame(switch_core_session_t *session, switch_frame_t *frame, switch_io_flag_t flags,
								int stream_id);

SWITCH_DECLARE(switch_status_t)
switch_core_session_read_frame(switch_core_session_t *session, switch_frame_t **frame, switch_io_flag_t flags,
							   int stream_id);
SWITCH_DECLARE(switch_status_t)
switch_core_session_perform_kill_channel(switch_core_session_t *session, const char *file, const char *func, int line,
										 switch_signal_t sig);
SWITCH_DECLARE(switch_status_t) switch_ivr_parse_all_events(switch_core_session_t *session);

/* What is done with calls. */
SWITCH_DECLARE(switch_status_t)
switch_core_session_perform_receive_message(switch_core_session_t *session, switch_core_session_message_t *message,
											const char *file, const char *func, int line);
SWITCH_DECLARE(switch_status_t)
switch_core_session_send_dtmf_string(switch_core_session_t *session, const char *dtmf_string);
SWITCH_DECLARE(switch_status_t)
switch_ivr_session_transfer(switch_core_session_t *session, const char *extension, const char *dialplan,
							const char *context);
SWITCH_DECLARE(switch_status_t) switch_ivr_uuid_bridge(const char *originator_uuid, const char *originatee_uuid);
SWITCH_DECLARE(void) switch_ivr_park_session(switch_core_session_t *session);
SWITCH_DECLARE(switch_status_t)
switch_ivr_originate(switch_core_session_t *session, switch_core_session_t **bleg, switch_call_cause_t *cause,
					 const char *bridgeto, uint32_t timelimit_sec, const switch_state_handler_table_t *table,
					 const char *cid_name_override, const char *cid_num_override,
					 switch_caller_profile_t *caller_profile_override, switch_event_t *ovars,
					 switch_originate_flag_t flags, switch_call_cause_t *cancel_cause, switch_dial_handle_t *dh);
SWITCH_DECLARE(switch_call_cause_t) switch_channel_str2cause(const char *str);
SWITCH_DECLARE(const char *) switch_channel_cause2str(switch_call_cause_t cause);
SWITCH_DECLARE(void)
switch_channel_process_export(switch_channel_t *channel, switch_channel_t *peer_channel, switch_event_t *var_event,
							  const char *export_varname);

/* What can be played. */
SWITCH_DECLARE(switch_status_t)
switch_core_perform_file_open(const char *file, const char *func, int line, switch_file_handle_t *fh,
							  const char *file_path, uint32_t channels, uint32_t rate, unsigned int flags,
							  switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_core_file_read(switch_file_handle_t *fh, void *data, switch_size_t *len);
SWITCH_DECLARE(switch_status_t) switch_core_file_close(switch_file_handle_t *fh);

/* Media: which way it flows, and the channel's RTP. */
SWITCH_DECLARE(switch_media_flow_t)
switch_core_session_media_flow(switch_core_session_t *session, switch_media_type_t type);
SWITCH_DECLARE(switch_rtp_t *)
switch_core_media_get_rtp_session(switch_core_session_t *session, switch_media_type_t type);
SWITCH_DECLARE(uint32_t) switch_rtp_test_flag(switch_rtp_t *rtp_session, switch_rtp_flag_t flags);
SWITCH_DECLARE(dtls_state_t) switch_rtp_dtls_state(switch_rtp_t *rtp_session, dtls_type_t type);
SWITCH_DECLARE(switch_status_t)
switch_core_event_hook_add_read_frame(switch_core_session_t *session, switch_read_frame_hook_t read_frame);
SWITCH_DECLARE(switch_status_t)
switch_core_event_hook_add_recv_dtmf(switch_core_session_t *session, switch_recv_dtmf_hook_t recv_dtmf);

/* Channels. */
SWITCH_DECLARE(char *) switch_channel_get_name(switch_channel_t *channel);
SWITCH_DECLARE(char *) switch_channel_get_uuid(switch_channel_t *channel);
SWITCH_DECLARE(switch_core_session_t *) switch_channel_get_session(switch_channel_t *channel);
SWITCH_DECLARE(switch_channel_state_t) switch_channel_get_state(switch_channel_t *channel);
SWITCH_DECLARE(int) switch_channel_check_signal(switch_channel_t *channel, switch_bool_t in_thread_only);
SWITCH_DECLARE(int)
switch_channel_test_ready(switch_channel_t *channel, switch_bool_t check_ready, switch_bool_t check_media);
SWITCH_DECLARE(uint32_t) switch_channel_test_flag(switch_channel_t *channel, switch_channel_flag_t flag);
SWITCH_DECLARE(void)
switch_channel_set_flag_value(switch_channel_t *channel, switch_channel_flag_t flag, uint32_t value);
SWITCH_DECLARE(void) switch_channel_clear_flag(switch_channel_t *channel, switch_channel_flag_t flag);
SWITCH_DECLARE(const char *)
switch_channel_get_variable_dup(switch_channel_t *channel, const char *varname, switch_bool_t dup, int idx);
SWITCH_DECLARE(switch_status_t)
switch_channel_set_variable_var_check(switch_channel_t *channel, const char *varname, const char *value,
									  switch_bool_t var_check);
SWITCH_DECLARE(switch_status_t)
switch_channel_set_variable_printf(switch_channel_t *channel, const char *varname, const char *fmt, ...);
SWITCH_DECLARE(switch_status_t)
switch_channel_set_private(switch_channel_t *channel, const char *key, const void *private_info);
SWITCH_DECLARE(void *) switch_channel_get_private(switch_channel_t *channel, const char *key);
SWITCH_DECLARE(switch_channel_timetable_t *) switch_channel_get_timetable(switch_channel_t *channel);
SWITCH_DECLARE(switch_size_t) switch_channel_has_dtmf(switch_channel_t *channel);
SWITCH_DECLARE(switch_status_t) switch_channel_queue_dtmf(switch_channel_t *channel, const switch_dtmf_t *dtmf);
SWITCH_DECLARE(switch_status_t) switch_channel_dequeue_dtmf(switch_channel_t *channel, switch_dtmf_t *dtmf);
SWITCH_DECLARE(void) switch_channel_event_set_data(switch_channel_t *channel, switch_event_t *event);
SWITCH_DECLARE(switch_channel_state_t)
switch_channel_perform_hangup(switch_channel_t *channel, const char *file, const char *func, int line,
							  switch_call_cause_t hangup_cause);
SWITCH_DECLARE(switch_status_t)
switch_channel_perform_answer(switch_channel_t *channel, const char *file, const char *func, int line);
SWITCH_DECLARE(switch_status_t)
switch_channel_perform_pre_answer(switch_channel_t *channel, const char *file, const char *func, int line);

/* Media bugs. */
SWITCH_DECLARE(switch_status_t)
switch_core_media_bug_add(switch_core_session_t *session, const char *function, const char *target,
						  switch_media_bug_callback_t callback, void *user_data, time_t stop_time,
						  switch_media_bug_flag_t flags, switch_media_bug_t **new_bug);
SWITCH_DECLARE(switch_status_t) switch_core_media_bug_remove(switch_core_session_t *session, switch_media_bug_t **bug);
SWITCH_DECLARE(switch_status_t)
switch_core_media_bug_remove_callback(switch_core_session_t *session, switch_media_bug_callback_t callback);
SWITCH_DECLARE(switch_status_t)
switch_core_media_bug_remove_all_function(switch_core_session_t *session, const char *function);
SWITCH_DECLARE(switch_status_t) switch_core_media_bug_close(switch_media_bug_t **bug, switch_bool_t destroy);
SWITCH_DECLARE(uint32_t) switch_core_media_bug_prune(switch_core_session_t *session);
SWITCH_DECLARE(uint32_t) switch_core_media_bug_count(switch_core_session_t *orig_session, const char *function);
SWITCH_DECLARE(switch_status_t)
switch_core_media_bug_read(switch_media_bug_t *bug, switch_frame_t *frame, switch_bool_t fill);
SWITCH_DECLARE(void) switch_core_media_bug_flush(switch_media_bug_t *bug);
SWITCH_DECLARE(void) switch_core_media_bug_inuse(switch_media_bug_t *bug, switch_size_t *readp, switch_size_t *writep);
SWITCH_DECLARE(void *) switch_core_media_bug_get_user_data(switch_media_bug_t *bug);
SWITCH_DECLARE(switch_core_session_t *) switch_core_media_bug_get_session(switch_media_bug_t *bug);
SWITCH_DECLARE(switch_frame_t *) switch_core_media_bug_get_write_replace_frame(switch_media_bug_t *bug);
SWITCH_DECLARE(void) switch_core_media_bug_set_write_replace_frame(switch_media_bug_t *bug, switch_frame_t *frame);
SWITCH_DECLARE(switch_frame_t *) switch_core_media_bug_get_read_replace_frame(switch_media_bug_t *bug);
SWITCH_DECLARE(void) switch_core_media_bug_set_read_replace_frame(switch_media_bug_t *bug, switch_frame_t *frame);
SWITCH_DECLARE(uint32_t) switch_core_media_bug_test_flag(switch_media_bug_t *bug, uint32_t flag);
SWITCH_DECLARE(uint32_t) switch_core_media_bug_set_flag(switch_media_bug_t *bug, uint32_t flag);
SWITCH_DECLARE(uint32_t) switch_core_media_bug_clear_flag(switch_media_bug_t *bug, uint32_t flag);

/* Codecs. */
SWITCH_DECLARE(switch_status_t)
switch_core_codec_init_with_bitrate(switch_codec_t *codec, const char *codec_name, const char *fmtp,
									const char *modname, uint32_t rate, int ms, int channels, uint32_t bitrate,
									uint32_t flags, const switch_codec_settings_t *codec_settings,
									switch_memory_pool_t *pool);
SWITCH_DECLARE(switch_status_t) switch_core_codec_destroy(switch_codec_t *codec);

/* Modules, the console, XML. */
SWITCH_DECLARE(switch_loadable_module_interface_t *)
switch_loadable_module_create_module_interface(switch_memory_pool_t *pool, const char *name);
SWITCH_DECLARE(void *)
switch_loadable_module_create_interface(switch_loadable_module_interface_t *mod, switch_module_interface_name_t iname);
SWITCH_DECLARE(switch_api_interface_t *) switch_loadable_module_get_api_interface(const char *name);
SWITCH_DECLARE(switch_status_t)
switch_api_execute(const char *cmd, const char *arg, switch_core_session_t *session, switch_stream_handle_t *stream);
SWITCH_DECLARE(switch_status_t) switch_console_set_complete(const char *string);
SWITCH_DECLARE_NONSTD(switch_status_t)
switch_console_stream_write(switch_stream_handle_t *handle, const char *fmt, ...) PRINTF_FUNCTION(2, 3);
SWITCH_DECLARE_NONSTD(switch_status_t)
switch_console_stream_raw_write(switch_stream_handle_t *handle, uint8_t *data, switch_size_t datalen);
SWITCH_DECLARE(switch_xml_t) switch_xml_open_cfg(const char *file_path, switch_xml_t *node, switch_event_t *params);
SWITCH_DECLARE(char *) switch_xml_toxml_ex(switch_xml_t xml, switch_bool_t prn_header, switch_bool_t use_utf8_encoding);
SWITCH_DECLARE(void) switch_xml_free(switch_xml_t xml);

#endif
