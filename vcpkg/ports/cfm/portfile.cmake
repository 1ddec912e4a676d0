# An overlay port: it installs the checkout it lies in.
#   vcpkg install cfm --overlay-ports=<checkout>/vcpkg/ports

set(VCPKG_BUILD_TYPE release) # header-only: one configuration
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DCFM_BUILD_TESTS=OFF
        -DCFM_BUILD_EXAMPLES=OFF
        -DCFM_BUILD_BENCH=OFF
        -DCFM_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME cfm CONFIG_PATH share/cmake/cfm)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/lib" "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
