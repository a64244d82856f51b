# SPDX-License-Identifier: MIT
# CMake: cmake -DCMAKE_TOOLCHAIN_FILE=PREFIX/share/cmake/baremetal-toolchain.cmake …
#
# Everything is found from this file's own place, so the SDK may be moved. It also defines
#     baremetal_image(TARGET [arguments of `baremetal image`…])
# which adds the target TARGET-image: TARGET.iso in the build folder.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

get_filename_component(BAREMETAL_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

# The compiler behind baremetal-cc: -DBAREMETAL_CC=…, else -DCMAKE_C_COMPILER=…, else the environment's
# BAREMETAL_CC. It is kept in the cache, so that a build without that environment uses the same.
if(DEFINED CACHE{CMAKE_C_COMPILER} AND NOT "$CACHE{CMAKE_C_COMPILER}" MATCHES "baremetal-cc(;|$)")
  if(NOT BAREMETAL_CC)
    set(BAREMETAL_CC "$CACHE{CMAKE_C_COMPILER}" CACHE STRING "The compiler that baremetal-cc runs" FORCE)
  endif()
  unset(CMAKE_C_COMPILER CACHE)
elseif(NOT BAREMETAL_CC AND NOT "$ENV{BAREMETAL_CC}" STREQUAL "")
  set(BAREMETAL_CC "$ENV{BAREMETAL_CC}" CACHE STRING "The compiler that baremetal-cc runs" FORCE)
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES BAREMETAL_CC)
set(CMAKE_C_COMPILER "${BAREMETAL_PREFIX}/bin/baremetal-cc")
if(BAREMETAL_CC)
  list(APPEND CMAKE_C_COMPILER "--baremetal-cc=${BAREMETAL_CC}")
endif()
set(CMAKE_ASM_COMPILER ${CMAKE_C_COMPILER})
set(PKG_CONFIG_EXECUTABLE "${BAREMETAL_PREFIX}/bin/baremetal-pkg-config")

set(CMAKE_FIND_ROOT_PATH "${BAREMETAL_PREFIX}/lib/baremetal/sysroot")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

function(baremetal_image target)
  add_custom_target(${target}-image
    COMMAND "${BAREMETAL_PREFIX}/bin/baremetal" image -q -o "${CMAKE_CURRENT_BINARY_DIR}/${target}.iso"
      ${ARGN} "$<TARGET_FILE:${target}>"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    DEPENDS ${target} VERBATIM)
endfunction()
