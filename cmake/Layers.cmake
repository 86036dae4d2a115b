# A layer is one folder of src/: an object library bevel_<name>, from which the shared and static libraries
# are put together.

# What every target of ours is compiled with. Code without run-time type information must not be mixed with
# code that has it: a class derived in a test would miss the type information of its base.
function(bevel_compile_options target)
  target_compile_options(${target} PRIVATE
    ${BEVEL_WARNINGS} $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
endfunction()

function(bevel_lto target)
  if(BEVEL_LTO_WORKS)
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
endfunction()

# bevel_layer(<name> <source>...)
# A folder without sources is passed over, so that the tree configures while it is still empty.
function(bevel_layer name)
  if(NOT ARGN)
    message(STATUS "Layer ${name}: no sources yet")
    return()
  endif()
  set(target bevel_${name})
  add_library(${target} OBJECT ${ARGN})
  bevel_compile_options(${target})
  target_compile_options(${target} PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden)
  bevel_lto(${target})
endfunction()

# bevel_objects(<variable> <layer>...): the object files of those layers that exist.
function(bevel_objects variable)
  set(objects)
  foreach(layer IN LISTS ARGN)
    if(TARGET bevel_${layer})
      list(APPEND objects $<TARGET_OBJECTS:bevel_${layer}>)
    endif()
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()
