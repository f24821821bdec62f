# cmake -DMODULE=<file> -P check_module.cmake: what the link must have done to the module.

execute_process(COMMAND nm -D --defined-only ${MODULE} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${symbols}" symbols)
if(NOT symbols MATCHES "^[0-9a-f]+ D mod_openai_audio_stream_module_interface$")
	message(FATAL_ERROR "The module must export mod_openai_audio_stream_module_interface alone:\n${symbols}")
endif()

execute_process(COMMAND readelf -dW ${MODULE} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
foreach(flag NODELETE NOW)
	if(NOT dynamic MATCHES "FLAGS[^\n]*${flag}")
		message(FATAL_ERROR "The module lacks the ${flag} flag:\n${dynamic}")
	endif()
endforeach()

execute_process(COMMAND readelf -nW ${MODULE} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
if(NOT notes MATCHES "Build ID")
	message(FATAL_ERROR "The module has no build ID.")
endif()
