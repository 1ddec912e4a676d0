# cfm::dispatch: the bodies of the kernels, compiled for every target that the processor family has
# and chosen when the program runs. It is built in the user's own build, from the headers, at the
# flags that the user's programs have; CFM_DISPATCH tells their units to call it.

set(cfm_dispatch_sources ${CMAKE_CURRENT_LIST_DIR}/dispatch/level.cpp)
# A file of bodies, kernels/<name>-inl.hpp, for each unit; what it includes may be listed with it.
foreach(cfm_bodies IN ITEMS attention decode_attention dropout edge_attention_backward+edge_attention
                            elementwise half lanes level_sweep loss
                            matmul_few_rows+matmul matmul_packed norm reduce rope sage scan softmax
                            spmm top_k transpose)
  string(REPLACE "+" ";" cfm_bodies ${cfm_bodies})
  list(GET cfm_bodies 0 cfm_body)
  set(cfm_units "")
  foreach(cfm_unit IN LISTS cfm_bodies)
    string(TOUPPER ${cfm_unit} cfm_unit)
    string(APPEND cfm_units "#define CFM_UNIT_${cfm_unit}\n")
  endforeach()
  set(cfm_source ${CMAKE_CURRENT_BINARY_DIR}/cfm_dispatch/${cfm_body}.cpp)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/dispatch/unit.cpp.in ${cfm_source} @ONLY)
  list(APPEND cfm_dispatch_sources ${cfm_source})
endforeach()

unset(cfm_body)
unset(cfm_bodies)
unset(cfm_unit)
unset(cfm_units)
unset(cfm_source)

add_library(cfm_dispatch STATIC EXCLUDE_FROM_ALL ${cfm_dispatch_sources})
add_library(cfm::dispatch ALIAS cfm_dispatch)
target_link_libraries(cfm_dispatch PUBLIC cfm::cfm)
target_compile_definitions(cfm_dispatch INTERFACE CFM_DISPATCH)
set_target_properties(cfm_dispatch PROPERTIES POSITION_INDEPENDENT_CODE ON)
# Kernels are worth nothing without the optimizer, whatever the build type.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(cfm_dispatch PRIVATE -O2)
endif()
