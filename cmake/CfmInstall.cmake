# cfm is headers and text, so everything goes to include/ and share/, whatever the architecture, and
# nothing installed names the prefix: the tree may be moved.

include(CMakePackageConfigHelpers)

install(DIRECTORY include/cfm DESTINATION include FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION share/doc/cfm)

set(cfm_config_dir share/cmake/cfm)
install(TARGETS cfm EXPORT cfmTargets)
install(EXPORT cfmTargets NAMESPACE cfm:: DESTINATION ${cfm_config_dir})
configure_package_config_file(cmake/cfmConfig.cmake.in ${PROJECT_BINARY_DIR}/cfmConfig.cmake
  INSTALL_DESTINATION ${cfm_config_dir} NO_SET_AND_CHECK_MACRO)
# Until 1.0 a minor version may break; from 1.0 on this becomes SameMajorVersion.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cfmConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/cfmConfig.cmake ${PROJECT_BINARY_DIR}/cfmConfigVersion.cmake
              cmake/CfmDependencies.cmake cmake/CfmDispatch.cmake
        DESTINATION ${cfm_config_dir})
install(DIRECTORY cmake/dispatch DESTINATION ${cfm_config_dir})

configure_file(cmake/cfm.pc.in ${PROJECT_BINARY_DIR}/cfm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cfm.pc DESTINATION share/pkgconfig)
