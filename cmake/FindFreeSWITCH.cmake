# FreeSWITCH, through pkg-config; the usual prefixes need no PKG_CONFIG_PATH. FREESWITCH_PREFIX names the only one to look
# in, where there are several. Result:
#   FreeSWITCH::FreeSWITCH    headers (as system headers) and library
#   FREESWITCH_VERSION, FREESWITCH_MODULES_DIR, FREESWITCH_CONF_DIR

find_package(PkgConfig QUIET)
set(FREESWITCH_PREFIX "" CACHE PATH "Where FreeSWITCH is installed; empty: where pkg-config finds it")
if(PKG_CONFIG_FOUND)
	set(_oas_pkg_config_path "$ENV{PKG_CONFIG_PATH}")
	set(_oas_pkg_config_libdir "$ENV{PKG_CONFIG_LIBDIR}")
	if(FREESWITCH_PREFIX)
		set(ENV{PKG_CONFIG_PATH} "")
		set(ENV{PKG_CONFIG_LIBDIR} "${FREESWITCH_PREFIX}/lib/pkgconfig")
	else()
		foreach(_oas_prefix /usr/local/freeswitch /opt/freeswitch /usr/local /usr)
			set(ENV{PKG_CONFIG_PATH} "$ENV{PKG_CONFIG_PATH}:${_oas_prefix}/lib/pkgconfig")
		endforeach()
	endif()
	pkg_check_modules(FREESWITCH QUIET freeswitch)
	if(FREESWITCH_FOUND)
		pkg_get_variable(FREESWITCH_MODULES_DIR freeswitch modulesdir)
		pkg_get_variable(FREESWITCH_CONF_DIR freeswitch confdir)
		find_path(FREESWITCH_INCLUDE_DIR switch.h
			HINTS ${FREESWITCH_INCLUDE_DIRS} ${FREESWITCH_INCLUDEDIR} PATH_SUFFIXES freeswitch NO_DEFAULT_PATH)
		find_library(FREESWITCH_LIBRARY freeswitch HINTS ${FREESWITCH_LIBRARY_DIRS} ${FREESWITCH_LIBDIR})
	endif()
	set(ENV{PKG_CONFIG_PATH} "${_oas_pkg_config_path}")
	if(_oas_pkg_config_libdir)
		set(ENV{PKG_CONFIG_LIBDIR} "${_oas_pkg_config_libdir}")
	else()
		unset(ENV{PKG_CONFIG_LIBDIR}) # an empty one would be no place at all
	endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FreeSWITCH
	REQUIRED_VARS FREESWITCH_LIBRARY FREESWITCH_INCLUDE_DIR FREESWITCH_MODULES_DIR
	VERSION_VAR FREESWITCH_VERSION)
mark_as_advanced(FREESWITCH_INCLUDE_DIR FREESWITCH_LIBRARY)

if(FreeSWITCH_FOUND AND NOT TARGET FreeSWITCH::FreeSWITCH)
	add_library(FreeSWITCH::FreeSWITCH UNKNOWN IMPORTED)
	set_target_properties(FreeSWITCH::FreeSWITCH PROPERTIES
		IMPORTED_LOCATION "${FREESWITCH_LIBRARY}"
		INTERFACE_INCLUDE_DIRECTORIES "${FREESWITCH_INCLUDE_DIR}")
endif()
