# The five libraries, each shared and static, put together from the layers. Names, SONAMEs and dependencies are
# part of the ABI: see docs/abi.md.

# Without -Bsymbolic, on purpose: a process may hold libevent and libevent_core at once, and only interposition
# makes both use the state of the first one.
function(bevel_shared name)
  set(target ${name}_shared)
  add_library(${target} SHARED ${ARGN})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name}-2.1 VERSION 7.0.1 SOVERSION 7 LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map"
    LINKER:-z,now LINKER:-z,relro LINKER:--as-needed)
  if(NOT BEVEL_SANITIZE)
    # A C program that loads us gains no dependency on a C++ runtime. (Sanitizers intercept the shared one.)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc LINKER:-z,defs)
  endif()
  bevel_lto(${target})
  # The name that -l<name> finds, as in the installed tree.
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -E create_symlink lib${name}-2.1.so.7 "${PROJECT_BINARY_DIR}/lib/lib${name}.so")
endfunction()

function(bevel_static name)
  set(target ${name}_static)
  add_library(${target} STATIC ${ARGN})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} LINKER_LANGUAGE CXX ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
  # Who links the archive from C needs the C++ runtime named.
  target_link_libraries(${target} INTERFACE $<LINK_ONLY:Threads::Threads> stdc++)
endfunction()

# bevel_library(<name> EXPORT <name in libevent::> OBJECTS <objects>... [NEEDS <name>...])
function(bevel_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORT" "OBJECTS;NEEDS")
  bevel_shared(${name} ${arg_OBJECTS})
  bevel_static(${name} ${arg_OBJECTS})
  foreach(kind shared static)
    set(target ${name}_${kind})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_EXPORT})
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    foreach(needed IN LISTS arg_NEEDS)
      target_link_libraries(${target} PUBLIC ${needed}_${kind})
    endforeach()
    set_property(GLOBAL APPEND PROPERTY BEVEL_LIBRARIES_${kind} ${target})
  endforeach()
  add_library(libevent::${arg_EXPORT} ALIAS ${name}_shared)
  set_property(GLOBAL APPEND PROPERTY BEVEL_LIBRARIES ${name})
endfunction()

# The inner classes for tests and benchmarks: everything in one archive, from which a linker takes what it needs.
function(bevel_library_of_everything)
  bevel_objects(objects ${BEVEL_CORE_LAYERS} tls_openssl capi_openssl capi_pthreads)
  if(NOT objects)
    return()
  endif()
  add_library(bevel_all STATIC ${objects})
  set_target_properties(bevel_all PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(bevel_all PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(bevel_all PUBLIC Threads::Threads)
  target_link_options(bevel_all PUBLIC LINKER:--as-needed)
  if(BEVEL_TLS)
    target_link_libraries(bevel_all PUBLIC OpenSSL::SSL OpenSSL::Crypto)
  endif()
endfunction()

function(bevel_libraries)
  bevel_objects(core ${BEVEL_CORE_LAYERS})
  bevel_objects(extra extra)
  bevel_objects(openssl tls_openssl capi_openssl)
  bevel_objects(pthreads capi_pthreads)
  if(NOT core)
    message(STATUS "No layer has sources yet: no libraries")
    return()
  endif()
  bevel_library(event EXPORT event OBJECTS ${core})
  bevel_library(event_core EXPORT core OBJECTS ${core})
  if(extra)
    bevel_library(event_extra EXPORT extra OBJECTS ${extra} NEEDS event_core)
    # Programs expect libevent_core behind libevent_extra, used or not; what follows it only when used.
    target_link_options(event_extra_shared PRIVATE LINKER:--no-as-needed)
    target_link_libraries(event_extra_shared PRIVATE -Wl,--as-needed)
  endif()
  if(openssl)
    bevel_library(event_openssl EXPORT openssl OBJECTS ${openssl} NEEDS event_core)
    # Who links our shared library needs no development files of OpenSSL.
    target_link_libraries(event_openssl_shared PRIVATE $<BUILD_INTERFACE:OpenSSL::SSL>)
    target_link_libraries(event_openssl_static PUBLIC OpenSSL::SSL OpenSSL::Crypto)
  endif()
  if(pthreads)
    bevel_library(event_pthreads EXPORT pthreads OBJECTS ${pthreads} NEEDS event_core)
  endif()
  bevel_library_of_everything()
endfunction()
