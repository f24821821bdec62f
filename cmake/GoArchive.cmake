# Go as a C archive. Result: the target oas_go_archive, which always runs `go build` (it has its own cache), and
# OAS_GO_ARCHIVE, the file, which changes only when Go's output does.

file(STRINGS ${PROJECT_SOURCE_DIR}/go.mod _oas_go_line REGEX "^go [0-9.]+")
string(REGEX REPLACE "^go " "" OAS_GO_REQUIRED "${_oas_go_line}")

find_program(GO_EXECUTABLE go HINTS /usr/local/go/bin /usr/lib/go/bin)
if(NOT GO_EXECUTABLE)
	message(FATAL_ERROR "Go is missing: install Go ${OAS_GO_REQUIRED} or newer "
		"(or name it with -DGO_EXECUTABLE=).")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local ${GO_EXECUTABLE} env GOVERSION
	WORKING_DIRECTORY / OUTPUT_VARIABLE OAS_GO_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(REGEX MATCH "[0-9]+\\.[0-9]+(\\.[0-9]+)?" OAS_GO_VERSION "${OAS_GO_VERSION}")
if(NOT OAS_GO_VERSION OR OAS_GO_VERSION VERSION_LESS OAS_GO_REQUIRED)
	message(FATAL_ERROR "Go ${OAS_GO_VERSION} (${GO_EXECUTABLE}) is too old: install Go ${OAS_GO_REQUIRED} or newer "
		"(or name it with -DGO_EXECUTABLE=).")
endif()

# Go's own resolver and user look-up: the C library's would hold a thread each while they wait.
set(OAS_GO_TAGS netgo,osusergo)
set(OAS_GO_LIBRARIES)

file(READ ${PROJECT_SOURCE_DIR}/go.mod _oas_go_mod)
if(_oas_go_mod MATCHES "hraban/opus")
	find_package(PkgConfig QUIET)
	if(PKG_CONFIG_FOUND)
		pkg_check_modules(OPUS QUIET IMPORTED_TARGET opus)
	endif()
	if(NOT TARGET PkgConfig::OPUS)
		message(FATAL_ERROR "libopus is missing: install libopus-dev and pkg-config.")
	endif()
	string(APPEND OAS_GO_TAGS ",nolibopusfile")
	list(APPEND OAS_GO_LIBRARIES PkgConfig::OPUS)
endif()

set(OAS_GO_ARCHIVE ${PROJECT_BINARY_DIR}/go/libgo.a)
set(_oas_go_fresh ${PROJECT_BINARY_DIR}/go/fresh/libgo.a)
set(_oas_go_env CGO_ENABLED=1 CC=${CMAKE_C_COMPILER})
if(OAS_SANITIZE)
	# The boundary's C on the Go side too. cgo then tells ThreadSanitizer how it orders its calls.
	list(APPEND _oas_go_env "CGO_CFLAGS=-g -O2 -fsanitize=${OAS_SANITIZE}" "CGO_LDFLAGS=-fsanitize=${OAS_SANITIZE}")
endif()
set(_oas_go_build ${CMAKE_COMMAND} -E env ${_oas_go_env}
	${GO_EXECUTABLE} build -buildmode=c-archive -tags ${OAS_GO_TAGS} -trimpath
	"-ldflags=-X main.version=${OAS_VERSION}" -o)

# Debug information: Go's is in the archive, and stays there unless the package strips it.
add_custom_target(oas_go_archive
	COMMAND ${_oas_go_build} ${_oas_go_fresh} ./bridge
	COMMAND ${CMAKE_COMMAND} -E copy_if_different ${_oas_go_fresh} ${OAS_GO_ARCHIVE}
	BYPRODUCTS ${OAS_GO_ARCHIVE}
	WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
	COMMENT "Building the Go engine ${OAS_VERSION} with Go ${OAS_GO_VERSION}"
	VERBATIM)
