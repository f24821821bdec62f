/* SPDX-License-Identifier: MIT
 *
 * The fields of FreeSWITCH's structures that a module may use, as a list F(structure, field, type). switch.h declares
 * the structures; check_real_headers.c holds this list against the stand-in's and against the real <switch.h>. The
 * order and the other fields do not matter: a module is compiled against one of the two headers, never both.
 */
#ifndef STANDIN_FIELDS_H
#define STANDIN_FIELDS_H

#define STANDIN_FIELDS(F) \
	F(switch_frame_t, codec, switch_codec_t *) \
	F(switch_frame_t, source, const char *) \
	F(switch_frame_t, packet, void *) \
	F(switch_frame_t, packetlen, uint32_t) \
	F(switch_frame_t, data, void *) \
	F(switch_frame_t, datalen, uint32_t) \
	F(switch_frame_t, buflen, uint32_t) \
	F(switch_frame_t, samples, uint32_t) \
	F(switch_frame_t, rate, uint32_t) \
	F(switch_frame_t, channels, uint32_t) \
	F(switch_frame_t, payload, switch_payload_t) \
	F(switch_frame_t, timestamp, uint32_t) \
	F(switch_frame_t, seq, uint16_t) \
	F(switch_frame_t, ssrc, uint32_t) \
	F(switch_frame_t, m, switch_bool_t) \
	F(switch_frame_t, flags, switch_frame_flag_t) \
	F(switch_frame_t, user_data, void *) \
	F(switch_codec_t, implementation, const switch_codec_implementation_t *) \
	F(switch_codec_t, codec_interface, switch_codec_interface_t *) \
	F(switch_codec_t, flags, uint32_t) \
	F(switch_codec_t, memory_pool, switch_memory_pool_t *) \
	F(switch_codec_t, mutex, switch_mutex_t *) \
	F(switch_codec_t, session, switch_core_session_t *) \
	F(switch_codec_implementation_t, codec_type, switch_codec_type_t) \
	F(switch_codec_implementation_t, ianacode, switch_payload_t) \
	F(switch_codec_implementation_t, iananame, char *) \
	F(switch_codec_implementation_t, samples_per_second, uint32_t) \
	F(switch_codec_implementation_t, actual_samples_per_second, uint32_t) \
	F(switch_codec_implementation_t, bits_per_second, int) \
	F(switch_codec_implementation_t, microseconds_per_packet, int) \
	F(switch_codec_implementation_t, samples_per_packet, uint32_t) \
	F(switch_codec_implementation_t, decoded_bytes_per_packet, uint32_t) \
	F(switch_codec_implementation_t, encoded_bytes_per_packet, uint32_t) \
	F(switch_codec_implementation_t, number_of_channels, uint8_t) \
	F(switch_codec_implementation_t, codec_frames_per_packet, int) \
	F(switch_codec_implementation_t, codec_id, uint32_t) \
	F(switch_codec_implementation_t, impl_id, uint32_t) \
	F(switch_event_header_t, name, char *) \
	F(switch_event_header_t, value, char *) \
	F(switch_event_header_t, next, switch_event_header_t *) \
	F(switch_event_t, event_id, switch_event_types_t) \
	F(switch_event_t, priority, switch_priority_t) \
	F(switch_event_t, owner, char *) \
	F(switch_event_t, subclass_name, char *) \
	F(switch_event_t, headers, switch_event_header_t *) \
	F(switch_event_t, last_header, switch_event_header_t *) \
	F(switch_event_t, body, char *) \
	F(switch_event_t, bind_user_data, void *) \
	F(switch_event_t, event_user_data, void *) \
	F(switch_event_t, flags, int) \
	F(switch_stream_handle_t, write_function, switch_stream_handle_write_function_t) \
	F(switch_stream_handle_t, raw_write_function, switch_stream_handle_raw_write_function_t) \
	F(switch_stream_handle_t, data, void *) \
	F(switch_stream_handle_t, end, void *) \
	F(switch_stream_handle_t, data_size, switch_size_t) \
	F(switch_stream_handle_t, data_len, switch_size_t) \
	F(switch_stream_handle_t, alloc_len, switch_size_t) \
	F(switch_stream_handle_t, alloc_chunk, switch_size_t) \
	F(switch_stream_handle_t, param_event, switch_event_t *) \
	F(switch_api_interface_t, interface_name, const char *) \
	F(switch_api_interface_t, desc, const char *) \
	F(switch_api_interface_t, function, switch_api_function_t) \
	F(switch_api_interface_t, syntax, const char *) \
	F(switch_application_interface_t, interface_name, const char *) \
	F(switch_application_interface_t, application_function, switch_application_function_t) \
	F(switch_application_interface_t, long_desc, const char *) \
	F(switch_application_interface_t, short_desc, const char *) \
	F(switch_application_interface_t, syntax, const char *) \
	F(switch_application_interface_t, flags, uint32_t) \
	F(switch_loadable_module_interface_t, module_name, const char *) \
	F(switch_loadable_module_function_table_t, switch_api_version, int) \
	F(switch_loadable_module_function_table_t, load, switch_module_load_t) \
	F(switch_loadable_module_function_table_t, shutdown, switch_module_shutdown_t) \
	F(switch_loadable_module_function_table_t, runtime, switch_module_runtime_t) \
	F(switch_loadable_module_function_table_t, flags, switch_module_flag_t) \
	F(switch_channel_timetable_t, answered, switch_time_t) \
	F(switch_channel_timetable_t, progress_media, switch_time_t) \
	F(switch_dtmf_t, digit, char) \
	F(switch_dtmf_t, duration, uint32_t) \
	F(switch_dtmf_t, flags, int32_t) \
	F(switch_dtmf_t, source, switch_dtmf_source_t) \
	F(switch_core_session_message_t, from, char *) \
	F(switch_core_session_message_t, message_id, switch_core_session_message_types_t) \
	F(switch_core_session_message_t, string_arg, const char *) \
	F(switch_file_handle_t, samplerate, uint32_t) \
	F(switch_file_handle_t, channels, uint32_t) \
	F(switch_file_handle_t, real_channels, uint32_t) \
	F(switch_file_handle_t, private_info, void *) \
	F(switch_directories, base_dir, char *) \
	F(switch_directories, mod_dir, char *) \
	F(switch_directories, conf_dir, char *) \
	F(switch_directories, log_dir, char *) \
	F(switch_directories, run_dir, char *) \
	F(switch_directories, temp_dir, char *) \
	F(switch_directories, storage_dir, char *) \
	F(switch_directories, recordings_dir, char *) \
	F(switch_directories, certs_dir, char *)

#endif
