# OAS_SANITIZE=address|thread instruments the C of both sides of the boundary; Go's own code is not.

set(OAS_SANITIZE "" CACHE STRING "Sanitizer for the C side: address, thread or nothing")
set_property(CACHE OAS_SANITIZE PROPERTY STRINGS "" address thread)

if(OAS_SANITIZE STREQUAL "address")
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
	add_link_options(-fsanitize=address,undefined)
elseif(OAS_SANITIZE STREQUAL "thread")
	add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
	add_link_options(-fsanitize=thread)
	# GCC says so of every fence: ThreadSanitizer does not model them. The code does not rely on fences for data.
	add_compile_options(-Wno-tsan)
elseif(OAS_SANITIZE)
	message(FATAL_ERROR "OAS_SANITIZE is address, thread or empty, not \"${OAS_SANITIZE}\".")
endif()
