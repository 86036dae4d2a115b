# Everything a user may decide, and the flags that follow for every target.

# Tests and benchmarks need libraries that a plain build must not ask for: by default they are built only by
# those who work on Bevel itself, and only where their library is present.
function(bevel_option_if_found name package text)
  set(default OFF)
  if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED ${name})
    find_package(${package} QUIET)
    if(${package}_FOUND)
      set(default ON)
    endif()
  endif()
  option(${name} "${text}" ${default})
endfunction()

# bevel_option_if_library(<name> <text> <header> <library>...)
# For a library of ours that is built where the one below it is found. Their headers are looked for, not their CMake
# packages, which most of them do not have everywhere.
function(bevel_option_if_library name text header)
  find_path(${name}_INCLUDE_DIR ${header})
  set(found ${${name}_INCLUDE_DIR})
  foreach(library IN LISTS ARGN)
    find_library(${name}_${library} ${library})
    if(NOT ${name}_${library})
      set(found OFF)
    endif()
    mark_as_advanced(${name}_${library})
  endforeach()
  mark_as_advanced(${name}_INCLUDE_DIR)
  if(found)
    option(${name} "${text}" ON)
  else()
    option(${name} "${text}" OFF)
    if(${name})
      message(FATAL_ERROR "${name} needs <${header}> and the libraries ${ARGN}, which are not found.")
    endif()
  endif()
endfunction()

option(BEVEL_TLS "Build libevent_openssl (needs OpenSSL)" ON)
bevel_option_if_library(BEVEL_MBEDTLS "Build libevent_mbedtls (needs mbedTLS)" mbedtls/ssl.h mbedtls mbedx509 mbedcrypto)
bevel_option_if_library(BEVEL_GNUTLS "Build libbevel_gnutls (needs GnuTLS)" gnutls/gnutls.h gnutls)
bevel_option_if_library(BEVEL_ZSTD "Build zstd into libbevel_compress" zstd.h zstd)
bevel_option_if_library(BEVEL_ZLIB "Build zlib into libbevel_compress" zlib.h z)
option(BEVEL_LTO "Optimize across files in release builds" ON)
option(BEVEL_WERROR "Treat warnings as errors" OFF)
option(BEVEL_BUILD_APPS "Build the programs in apps/" ${PROJECT_IS_TOP_LEVEL})
option(BEVEL_BUILD_EXAMPLES "Build the programs in examples/" ${PROJECT_IS_TOP_LEVEL})
option(BEVEL_BUILD_FUZZ "Build the fuzz targets (needs clang)" OFF)
bevel_option_if_found(BEVEL_BUILD_TESTS GTest "Build the tests (needs GoogleTest)")
bevel_option_if_found(BEVEL_BUILD_BENCH benchmark "Build the benchmarks (needs Google Benchmark)")
set(BEVEL_SANITIZE "" CACHE STRING "Sanitizers for the whole build, as in -fsanitize=")

find_package(Threads REQUIRED)
if(BEVEL_TLS)
  find_package(OpenSSL 1.1.1)
  if(NOT OpenSSL_FOUND)
    message(FATAL_ERROR "libevent_openssl needs the OpenSSL headers (Debian: libssl-dev). "
                        "Configure with -DBEVEL_TLS=OFF to build without it.")
  endif()
endif()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# -O3 buys nothing measurable here and makes hot loops larger; a user's own choice stands.
foreach(language C CXX)
  if(CMAKE_${language}_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG")
    set(CMAKE_${language}_FLAGS_RELEASE "-O2 -DNDEBUG")
  endif()
endforeach()

set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(BEVEL_CCACHE ccache)
mark_as_advanced(BEVEL_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND BEVEL_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${BEVEL_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${BEVEL_CCACHE}")
endif()

if(BEVEL_SANITIZE)
  add_compile_options(-fsanitize=${BEVEL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${BEVEL_SANITIZE})
endif()

# GCC alone: it can write machine code beside the intermediate code, from which the tests are linked, and turn the
# optimized whole into one ordinary object for the archives.
set(BEVEL_LTO_WORKS OFF)
if(BEVEL_LTO AND CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo)$" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND NOT BEVEL_SANITIZE)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT BEVEL_LTO_WORKS LANGUAGES CXX)
  set(CMAKE_CXX_COMPILE_OPTIONS_IPO -flto=auto -ffat-lto-objects)
endif()

set(BEVEL_WARNINGS -Wall -Wextra -Wconversion -Wshadow)
if(BEVEL_WERROR)
  list(APPEND BEVEL_WARNINGS -Werror)
endif()
