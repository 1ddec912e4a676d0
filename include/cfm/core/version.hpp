#pragma once
/// @file  The version; CMake, pkg-config and Conan read it from here.

#define CFM_VERSION_MAJOR 0
#define CFM_VERSION_MINOR 1
#define CFM_VERSION_PATCH 0
#define CFM_VERSION_STRING "0.1.0"
