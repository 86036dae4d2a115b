# The libraries, each shared and static, put together from the layers. Names, SONAMEs and dependencies are
# part of the ABI: see docs/abi.md. Those that libevent does not have are called bevel_<name> and have a version of
# their own.

# Without -Bsymbolic, on purpose: a process may hold libevent and libevent_core at once, and only interposition
# makes both use the state of the first one.
function(bevel_shared name)
  set(target ${name}_shared)
  add_library(${target} SHARED ${ARGN})
  if(name MATCHES "^bevel_")
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} VERSION 1.0.0 SOVERSION 1)
  else()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}-2.1 VERSION 7.0.1 SOVERSION 7)
    # The name that -l<name> finds, as in the installed tree.
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
      COMMAND ${CMAKE_COMMAND} -E create_symlink lib${name}-2.1.so.7 "${PROJECT_BINARY_DIR}/lib/lib${name}.so")
  endif()
  set_target_properties(${target} PROPERTIES
    LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map"
    LINKER:-z,now LINKER:-z,relro LINKER:--as-needed
    LINKER:-z,nodelete)  # a name may still be looked up in a thread of ours when the program lets go of us
  if(NOT BEVEL_SANITIZE)
    # A C program that loads us gains no dependency on a C++ runtime. (Sanitizers intercept the shared one.)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc LINKER:-z,defs)
  endif()
  bevel_lto(${target})
endfunction()

# bevel_machine_code(<name> <layer>...): sets <name>_objects and <name>_code, the objects of these layers as our own
# links and as any linker can take them.
# With LTO the second is a single object, optimized as a whole and made by the target <name>_code. Intermediate code in
# an archive would be optimized again in each user's link, and refused by every other version of the compiler.
function(bevel_machine_code name)
  bevel_objects(objects ${ARGN})
  set(${name}_objects ${objects} PARENT_SCOPE)
  if(NOT BEVEL_LTO_WORKS OR NOT objects)
    set(${name}_code ${objects} PARENT_SCOPE)
    return()
  endif()
  set(code "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
  string(TOUPPER ${CMAKE_BUILD_TYPE} build_type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
  add_custom_command(OUTPUT "${code}" VERBATIM COMMAND_EXPAND_LISTS DEPENDS ${objects}
    COMMENT "Optimizing ${name}.o as a whole"
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -fPIC -flto=auto -flinker-output=nolto-rel -r -nostdlib
            ${objects} -o "${code}")
  add_custom_target(${name}_code DEPENDS "${code}")
  foreach(layer IN LISTS ARGN)
    if(TARGET bevel_${layer})
      add_dependencies(${name}_code bevel_${layer})
    endif()
  endforeach()
  set_source_files_properties("${code}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set(${name}_code "${code}" PARENT_SCOPE)
endfunction()

function(bevel_static name code)
  set(target ${name}_static)
  add_library(${target} STATIC ${${code}_code})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} LINKER_LANGUAGE CXX ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
  if(TARGET ${code}_code)
    add_dependencies(${target} ${code}_code)
  endif()
  # Who links the archive from C needs the C++ runtime named.
  target_link_libraries(${target} INTERFACE $<LINK_ONLY:Threads::Threads> stdc++)
endfunction()

# bevel_library(<name> EXPORT <name in libevent::> CODE <name given to bevel_machine_code> [NEEDS <name>...]
#               [LINKS <library>...])
# NEEDS are libraries of ours, LINKS others.
function(bevel_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORT;CODE" "NEEDS;LINKS")
  bevel_shared(${name} ${${arg_CODE}_objects})
  bevel_static(${name} ${arg_CODE})
  foreach(kind shared static)
    set(target ${name}_${kind})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_EXPORT})
    target_include_directories(${target} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    foreach(needed IN LISTS arg_NEEDS)
      target_link_libraries(${target} PUBLIC ${needed}_${kind})
    endforeach()
    if(arg_NEEDS AND NOT CMAKE_INSTALL_RPATH)
      # What it needs lies beside it. A program's own path does not reach that far, and finds libevent's core instead.
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    endif()
    set_property(GLOBAL APPEND PROPERTY BEVEL_LIBRARIES_${kind} ${target})
  endforeach()
  if(arg_LINKS)
    # Who links our shared library needs no development files of theirs.
    target_link_libraries(${name}_shared PRIVATE "$<BUILD_INTERFACE:${arg_LINKS}>")
    target_link_libraries(${name}_static PUBLIC ${arg_LINKS})
  endif()
  add_library(libevent::${arg_EXPORT} ALIAS ${name}_shared)
  set_property(GLOBAL APPEND PROPERTY BEVEL_LIBRARIES ${name})
endfunction()

# The inner classes, for tests and benchmarks: bevel_upto_<layer> is a layer with all those below it, so that a test
# links what its layer may use and an upward call is a link error; bevel_all is everything but what needs the optional
# libraries, which bevel_all_tls and bevel_all_compress add.
function(bevel_archives)
  set(below Threads::Threads)
  foreach(layer IN LISTS BEVEL_CORE_LAYERS ITEMS tls_openssl capi_openssl capi_pthreads)
    bevel_archive(${layer} below)
  endforeach()
  add_library(bevel_all INTERFACE)
  target_link_libraries(bevel_all INTERFACE ${below})

  set(with_tls ${below})
  foreach(layer IN ITEMS tls_mbedtls capi_mbedtls tls_gnutls capi_gnutls)
    bevel_archive(${layer} with_tls)
  endforeach()
  add_library(bevel_all_tls INTERFACE)
  target_link_libraries(bevel_all_tls INTERFACE ${with_tls})

  bevel_archive(compress below)
  add_library(bevel_all_compress INTERFACE)
  target_link_libraries(bevel_all_compress INTERFACE ${below})
endfunction()

# bevel_archive(<layer> <variable>): bevel_upto_<layer> over the targets in the variable, and in front of them there.
function(bevel_archive layer variable)
  if(NOT TARGET bevel_${layer})
    return()
  endif()
  set(target bevel_upto_${layer})
  add_library(${target} STATIC $<TARGET_OBJECTS:bevel_${layer}>)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(${target} PUBLIC ${${variable}})
  foreach(library IN ITEMS openssl mbedtls gnutls compress)
    if(layer MATCHES "${library}$")
      target_link_libraries(${target} PUBLIC ${BEVEL_LINKS_${library}})
    endif()
  endforeach()
  set(${variable} ${target} ${${variable}} PARENT_SCOPE)
endfunction()

# What the libraries are linked with.
set(BEVEL_LINKS_openssl OpenSSL::SSL OpenSSL::Crypto)
set(BEVEL_LINKS_mbedtls mbedtls mbedx509 mbedcrypto)
set(BEVEL_LINKS_gnutls gnutls)
set(BEVEL_LINKS_compress)
if(BEVEL_ZSTD)
  list(APPEND BEVEL_LINKS_compress zstd)
endif()
if(BEVEL_ZLIB)
  list(APPEND BEVEL_LINKS_compress z)
endif()

function(bevel_libraries)
  bevel_machine_code(core ${BEVEL_CORE_LAYERS})
  bevel_machine_code(extra extra)
  bevel_machine_code(openssl tls_openssl capi_openssl)
  bevel_machine_code(mbedtls tls_mbedtls capi_mbedtls)
  bevel_machine_code(gnutls tls_gnutls capi_gnutls)
  bevel_machine_code(compress compress)
  bevel_machine_code(pthreads capi_pthreads)
  if(NOT core_objects)
    message(STATUS "No layer has sources yet: no libraries")
    return()
  endif()
  bevel_library(event EXPORT event CODE core)
  bevel_library(event_core EXPORT core CODE core)
  if(extra_objects)
    bevel_library(event_extra EXPORT extra CODE extra NEEDS event_core)
    # Programs expect libevent_core behind libevent_extra, used or not; what follows it only when used.
    target_link_options(event_extra_shared PRIVATE LINKER:--no-as-needed)
    target_link_libraries(event_extra_shared PRIVATE -Wl,--as-needed)
  endif()
  if(openssl_objects)
    bevel_library(event_openssl EXPORT openssl CODE openssl NEEDS event_core LINKS ${BEVEL_LINKS_openssl})
  endif()
  if(mbedtls_objects)
    bevel_library(event_mbedtls EXPORT mbedtls CODE mbedtls NEEDS event_core LINKS ${BEVEL_LINKS_mbedtls})
  endif()
  if(gnutls_objects)
    bevel_library(bevel_gnutls EXPORT gnutls CODE gnutls NEEDS event_core LINKS ${BEVEL_LINKS_gnutls})
  endif()
  if(compress_objects)
    bevel_library(bevel_compress EXPORT compress CODE compress NEEDS event_core LINKS ${BEVEL_LINKS_compress})
  endif()
  if(pthreads_objects)
    bevel_library(event_pthreads EXPORT pthreads CODE pthreads NEEDS event_core)
  endif()
  bevel_archives()
endfunction()
