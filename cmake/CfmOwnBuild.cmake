# How cfm builds its own tests, examples and benchmarks. Nothing of this reaches a user's target.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

set(CMAKE_CXX_EXTENSIONS OFF)

# For those who change cfm: seeing that all compiles and passes takes half the time.
option(CFM_QUICK_BUILD "Compile examples, and tests of what calls kernels, with -O0" OFF)

# The instruction set of our programs: x86-64-v3 where this processor has it, else the compiler's
# default. Empty means no -march at all.
if(NOT DEFINED CFM_ARCH)
  set(cfm_arch "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND NOT CMAKE_CROSSCOMPILING
     AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    include(CheckCXXSourceRuns)
    check_cxx_source_runs("int main() {
      return __builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"fma\") &&
             __builtin_cpu_supports(\"bmi2\") ? 0 : 1; }" CFM_CPU_HAS_V3)
    if(CFM_CPU_HAS_V3)
      set(cfm_arch x86-64-v3)
    endif()
  endif()
  set(CFM_ARCH "${cfm_arch}" CACHE STRING "-march of the tests, examples and benchmarks of cfm")
endif()

add_library(cfm_own_flags INTERFACE)
if(CFM_ARCH)
  target_compile_options(cfm_own_flags INTERFACE -march=${CFM_ARCH})
endif()
if(cfm_top_level)
  target_compile_options(cfm_own_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion
                                                 -Wsign-conversion -Wshadow -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 loses track of temporaries behind the cold path of CFM_CHECK at -O3.
    target_compile_options(cfm_own_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

# ccache works with precompiled headers once it may ignore their time stamps.
find_program(CFM_CCACHE ccache)
if(CFM_CCACHE AND cfm_top_level AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CFM_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(cfm_own_flags INTERFACE -fpch-preprocess)
  elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(cfm_own_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
