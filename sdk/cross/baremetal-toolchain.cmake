# SPDX-License-Identifier: MIT
# CMake: cmake -DCMAKE_TOOLCHAIN_FILE=PREFIX/share/cmake/baremetal-toolchain.cmake …
#
# Everything is found from this file's own place, so the SDK may be moved. It also defines
#     baremetal_image(TARGET [arguments of `baremetal image`…])
# which adds the target TARGET-image: TARGET.iso in the build folder.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

get_filename_component(BAREMETAL_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(CMAKE_C_COMPILER "${BAREMETAL_PREFIX}/bin/baremetal-cc")
set(CMAKE_ASM_COMPILER "${BAREMETAL_PREFIX}/bin/baremetal-cc")
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
