"""Conan 2 recipe of cfm.  From the checkout, with the libraries of a Debian 12 system:
    conan create conan/ --profile:all conan/profiles/debian12 --no-remote
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class CfmRecipe(ConanFile):
    name = "cfm"
    description = "Circuit foundation models in C++20"
    license = "MIT"
    topics = ("eda", "circuits", "graph-neural-networks", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "..", "include/cfm/core/version.hpp"))
        self.version = re.search(r'CFM_VERSION_STRING "([^"]+)"', text).group(1)

    def export_sources(self):
        checkout = os.path.join(self.recipe_folder, "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, src=checkout, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        # Ranges, so that a system package declared as a platform requirement satisfies them.
        for reference in ("eigen/[>=3.4 <6]", "onetbb/[>=2021.8]", "xsimd/[>=8.1]",
                          "highway/[>=1.0.3 <2]"):
            self.requires(reference, transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCH"):
            toolchain.cache_variables[f"CFM_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder,
             dst=os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        # Consumers get cfm's own CMake config, which finds the dependencies wherever they are.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.set_property("pkg_config_name", "cfm")
        self.cpp_info.builddirs = ["share/cmake/cfm"]
