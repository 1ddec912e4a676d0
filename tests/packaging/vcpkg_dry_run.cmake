# Runs the vcpkg port without vcpkg: the helper functions of a portfile are replaced by ones that do
# their documented job with CMake alone, then the installed tree is checked.
#   cmake -DSOURCE=<checkout> -DOUT=<scratch folder> -P vcpkg_dry_run.cmake

# CMake's own default is make, which a machine may lack; our scripts install Ninja.
if(NOT DEFINED ENV{CMAKE_GENERATOR})
  set(ENV{CMAKE_GENERATOR} Ninja)
endif()

file(REMOVE_RECURSE "${OUT}")
set(PORT cfm)
set(CURRENT_PACKAGES_DIR "${OUT}/packages/cfm")
set(CURRENT_BUILDTREES_DIR "${OUT}/build")

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "vcpkg_cmake_configure: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${CURRENT_BUILDTREES_DIR}"
    ${arg_OPTIONS} "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}"
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${CURRENT_BUILDTREES_DIR}" --target install
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves the config to share/<package>. A folder "cmake" that is left empty goes away.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "PACKAGE_NAME;CONFIG_PATH" "")
  set(target "${CURRENT_PACKAGES_DIR}/share/${arg_PACKAGE_NAME}")
  file(GLOB files "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*")
  if(NOT files)
    message(FATAL_ERROR "vcpkg_cmake_config_fixup: nothing in ${arg_CONFIG_PATH}")
  endif()
  file(COPY ${files} DESTINATION "${target}")
  get_filename_component(parent "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" DIRECTORY)
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${parent}")
  # vcpkg rewrites the depth of the relative prefix: the config is one folder closer to it now.
  foreach(file cfmConfig.cmake cfmTargets.cmake)
    file(READ "${target}/${file}" text)
    string(REPLACE [["${CMAKE_CURRENT_LIST_DIR}/../../../"]] [["${CMAKE_CURRENT_LIST_DIR}/../../"]]
           text "${text}")
    if(file STREQUAL "cfmTargets.cmake")
      string(REPLACE [[get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)
get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)
get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)]]
        [[get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)
get_filename_component(_IMPORT_PREFIX "${_IMPORT_PREFIX}" PATH)]] text "${text}")
    endif()
    file(WRITE "${target}/${file}" "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  configure_file("${arg_FILE_LIST}" "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright" COPYONLY)
endfunction()

include("${SOURCE}/vcpkg/ports/cfm/portfile.cmake")

foreach(file share/cfm/cfmConfig.cmake share/cfm/cfmConfigVersion.cmake share/cfm/cfmTargets.cmake
             share/cfm/CfmDependencies.cmake share/cfm/copyright share/cfm/usage
             share/pkgconfig/cfm.pc include/cfm/core/version.hpp)
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${file}")
    message(FATAL_ERROR "the port does not install ${file}")
  endif()
endforeach()
foreach(folder lib debug share/cmake share/doc)
  if(EXISTS "${CURRENT_PACKAGES_DIR}/${folder}")
    message(FATAL_ERROR "the port leaves ${folder}/ behind")
  endif()
endforeach()
file(GLOB_RECURSE texts "${CURRENT_PACKAGES_DIR}/share/*")
foreach(file IN LISTS texts)
  file(READ "${file}" text)
  foreach(path "${OUT}" "${SOURCE}")
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names a folder of the machine that built it")
    endif()
  endforeach()
endforeach()

# One version everywhere: the header, the port, the pkg-config file.
file(READ "${SOURCE}/vcpkg/ports/cfm/vcpkg.json" manifest)
string(JSON port_version GET "${manifest}" version-semver)
string(JSON port_name GET "${manifest}" name)
string(JSON port_license GET "${manifest}" license)
file(STRINGS "${SOURCE}/include/cfm/core/version.hpp" header REGEX "VERSION_STRING")
file(STRINGS "${CURRENT_PACKAGES_DIR}/share/pkgconfig/cfm.pc" pc REGEX "^Version: ")
if(NOT header MATCHES "\"${port_version}\"" OR NOT pc STREQUAL "Version: ${port_version}")
  message(FATAL_ERROR "versions differ: ${header}; ${pc}; vcpkg.json ${port_version}")
endif()
if(NOT port_name STREQUAL "cfm" OR NOT port_license STREQUAL "MIT")
  message(FATAL_ERROR "vcpkg.json: ${port_name}, ${port_license}")
endif()

# A consumer finds the tree that the port leaves. (Building with it is what run.sh does.)
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/packaging/consumer" -B "${OUT}/consumer"
  "-DCMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}" -DCMAKE_DISABLE_FIND_PACKAGE_xtl=ON
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
