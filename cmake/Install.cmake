# The installed tree: headers, libraries, pkg-config files and the CMake package, under the names that programs
# already ask for.

option(BEVEL_INSTALL "Install headers, libraries and packages" ${PROJECT_IS_TOP_LEVEL})
get_property(libraries GLOBAL PROPERTY BEVEL_LIBRARIES)
if(NOT BEVEL_INSTALL OR NOT libraries)
  return()
endif()

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")

foreach(kind shared static)
  get_property(targets GLOBAL PROPERTY BEVEL_LIBRARIES_${kind})
  install(TARGETS ${targets} EXPORT LibeventTargets-${kind}
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" NAMELINK_SKIP
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endforeach()
foreach(library IN LISTS libraries)
  install(FILES "${PROJECT_BINARY_DIR}/lib/lib${library}.so" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endforeach()

# bevel_pkg_config(<library> <description> [REQUIRES ...] [REQUIRES_PRIVATE ...] [LIBS_PRIVATE ...])
# The prefix is filled in by the installation, which may be told another one than the configuration.
function(bevel_pkg_config library description)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "REQUIRES;REQUIRES_PRIVATE;LIBS_PRIVATE" "")
  if(NOT TARGET ${library}_shared)
    return()
  endif()
  set(prefix "@CMAKE_INSTALL_PREFIX@")
  foreach(kind lib include)
    string(TOUPPER ${kind} upper)
    set(${kind}dir "${CMAKE_INSTALL_${upper}DIR}")
    if(NOT IS_ABSOLUTE "${${kind}dir}")
      set(${kind}dir "\${prefix}/${${kind}dir}")
    endif()
  endforeach()
  set(file "${PROJECT_BINARY_DIR}/pkgconfig/lib${library}.pc")
  configure_file(cmake/library.pc.in "${file}.in" @ONLY)
  install(CODE "configure_file(\"${file}.in\" \"${file}\" @ONLY)")
  install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

bevel_pkg_config(event "Event loop, buffers and streams")
bevel_pkg_config(event_core "Event loop, buffers and streams, without the extra modules")
bevel_pkg_config(event_extra "The extra modules" REQUIRES_PRIVATE libevent_core)
bevel_pkg_config(event_openssl "TLS streams over OpenSSL" REQUIRES libevent REQUIRES_PRIVATE openssl)
# mbedTLS 2.28 has no pkg-config file.
bevel_pkg_config(event_mbedtls "TLS streams over mbedTLS" REQUIRES libevent
                 LIBS_PRIVATE "-lmbedtls -lmbedx509 -lmbedcrypto")
bevel_pkg_config(bevel_gnutls "TLS streams over GnuTLS" REQUIRES libevent REQUIRES_PRIVATE gnutls)
set(compress_requires)
if(BEVEL_ZSTD)
  list(APPEND compress_requires libzstd)
endif()
if(BEVEL_ZLIB)
  list(APPEND compress_requires zlib)
endif()
list(JOIN compress_requires " " compress_requires)
bevel_pkg_config(bevel_compress "Compressing streams" REQUIRES libevent REQUIRES_PRIVATE "${compress_requires}")
bevel_pkg_config(event_pthreads "Locks and conditions from pthreads" REQUIRES libevent)

include(CMakePackageConfigHelpers)
set(package_components)
foreach(component core extra openssl pthreads)
  if(TARGET event_${component}_shared)
    list(APPEND package_components ${component})
  endif()
endforeach()
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/libevent")
configure_package_config_file(cmake/LibeventConfig.cmake.in "${PROJECT_BINARY_DIR}/LibeventConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/LibeventConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/LibeventConfig.cmake" "${PROJECT_BINARY_DIR}/LibeventConfigVersion.cmake"
  DESTINATION "${package_dir}")
foreach(kind shared static)
  install(EXPORT LibeventTargets-${kind} NAMESPACE libevent:: DESTINATION "${package_dir}")
endforeach()
