# What cfm needs, and what to install where it is missing. Used by the source tree and, installed
# beside cfmConfig.cmake, by find_package(cfm). Targets that a parent project already has win.

set(CFM_DEPENDENCIES Threads::Threads Eigen3::Eigen TBB::tbb hwy::hwy xsimd)

# Debian's xsimd 8.1 names the library xtl in its link interface but never looks for it, so every
# program would be linked with "-lxtl". Found first, xtl is a header-only target; where it is not
# installed, xsimd does not need it either and the name is dropped.
macro(cfm_find_xsimd)
  if(NOT TARGET xsimd)
    find_package(xtl CONFIG QUIET)
    find_package(xsimd CONFIG QUIET)
    if(TARGET xsimd AND NOT TARGET xtl)
      get_target_property(cfm_xsimd_links xsimd INTERFACE_LINK_LIBRARIES)
      if(cfm_xsimd_links)
        list(REMOVE_ITEM cfm_xsimd_links xtl)
        set_property(TARGET xsimd PROPERTY INTERFACE_LINK_LIBRARIES "${cfm_xsimd_links}")
      endif()
    endif()
  endif()
endmacro()

# Finds everything, or says in one message what is missing and which package has it.
# cfm_find_dependencies(FATAL_ERROR) stops; with any other word the text is left in cfm_missing.
macro(cfm_find_dependencies cfm_severity)
  if(NOT TARGET Threads::Threads)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads QUIET)
  endif()
  if(NOT TARGET Eigen3::Eigen)
    find_package(Eigen3 3.4 CONFIG QUIET)
  endif()
  if(NOT TARGET TBB::tbb)
    find_package(TBB CONFIG QUIET)
  endif()
  if(NOT TARGET hwy::hwy)
    find_package(hwy CONFIG QUIET)
  endif()
  cfm_find_xsimd()

  set(cfm_missing "")
  foreach(cfm_need "Threads::Threads;POSIX threads;libc6-dev" "Eigen3::Eigen;Eigen 3.4;libeigen3-dev"
                   "TBB::tbb;oneTBB;libtbb-dev" "hwy::hwy;Highway;libhwy-dev"
                   "xsimd;xsimd;libxsimd-dev")
    list(GET cfm_need 0 cfm_need_target)
    if(NOT TARGET ${cfm_need_target})
      list(GET cfm_need 1 cfm_need_name)
      list(GET cfm_need 2 cfm_need_package)
      string(APPEND cfm_missing "cfm needs ${cfm_need_name}, which was not found "
                                "(Debian, Ubuntu: apt install ${cfm_need_package}). ")
    endif()
  endforeach()
  if(cfm_missing AND "${cfm_severity}" STREQUAL "FATAL_ERROR")
    message(FATAL_ERROR "${cfm_missing}")
  endif()
endmacro()
