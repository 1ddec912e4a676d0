# cfm::cfm carries an include path, C++20 and its dependencies, and nothing else.
get_target_property(aliased cfm::cfm ALIASED_TARGET)
if(NOT aliased)
  set(aliased cfm::cfm)
endif()
foreach(property INTERFACE_COMPILE_OPTIONS INTERFACE_COMPILE_DEFINITIONS INTERFACE_LINK_OPTIONS
                 INTERFACE_SOURCES)
  get_target_property(value ${aliased} ${property})
  if(value)
    message(FATAL_ERROR "${property} of cfm::cfm is not empty: ${value}")
  endif()
endforeach()
get_target_property(value ${aliased} INTERFACE_COMPILE_FEATURES)
if(NOT value STREQUAL "cxx_std_20")
  message(FATAL_ERROR "INTERFACE_COMPILE_FEATURES of cfm::cfm: ${value}")
endif()

# The run asks for an xtl that is found, or for one that is not.
if(EXPECT_XTL AND NOT xtl_DIR)
  message(FATAL_ERROR "xtl was not found, so this run shows nothing")
endif()
if(NOT EXPECT_XTL AND xtl_DIR)
  message(FATAL_ERROR "xtl was found at ${xtl_DIR}, so this run shows nothing")
endif()
