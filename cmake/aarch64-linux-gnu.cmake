# Cross build for 64-bit Arm with Debian's g++-aarch64-linux-gnu, run under qemu-user.
# scripts/aarch64_sysroot.sh unpacks the arm64 packages that this file looks for.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(cfm_sysroot "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64")
set(cfm_sysroot_libraries "${cfm_sysroot}/usr/lib/aarch64-linux-gnu")
set(CMAKE_FIND_ROOT_PATH "${cfm_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${cfm_sysroot_libraries}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E "LD_LIBRARY_PATH=${cfm_sysroot_libraries}")
