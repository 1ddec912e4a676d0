#pragma once
/// @file  Libraries of dense products as peers: taken from the system if they are there when the
///        benchmark runs, each in its own name space, held to one thread.

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace cfm::bench {

/// c[m, n] = a[m, k] b, with b [k, n], or b [n, k] if it is transposed; dense rows.
struct Product {
  int m, n, k;
  bool transposed;
  const float* a;
  const float* b;
  float* c;
};

/// A library that multiplies.
struct Blas {
  std::string name;
  void (*multiply)(const Product&);
};

namespace blas {

template <class F>
F*& function() {
  static F* f = nullptr;
  return f;
}

using Cblas = void(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
                   float*, int);
inline void openblas(const Product& p) {
  function<Cblas>()(101, 111, p.transposed ? 112 : 111, p.m, p.n, p.k, 1.0f, p.a, p.k, p.b,
                    p.transposed ? p.k : p.n, 0.0f, p.c, p.n);
}

// Row and column strides, so that any layout is one call.
using Blis = void(int, int, std::int64_t, std::int64_t, std::int64_t, const float*, const float*,
                  std::int64_t, std::int64_t, const float*, std::int64_t, std::int64_t,
                  const float*, float*, std::int64_t, std::int64_t);
inline void blis(const Product& p) {
  const float one = 1, zero = 0;
  function<Blis>()(0, 0, p.m, p.n, p.k, &one, p.a, p.k, 1, p.b, p.transposed ? 1 : p.n,
                   p.transposed ? p.k : 1, &zero, p.c, p.n, 1);
}

using Dnnl = int(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*,
                 std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
inline void dnnl(const Product& p) {
  function<Dnnl>()('N', p.transposed ? 'T' : 'N', p.m, p.n, p.k, 1.0f, p.a, p.k, p.b,
                   p.transposed ? p.k : p.n, 0.0f, p.c, p.n);
}

template <class F>
bool load(const char* library, const char* name) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) function<F>() = reinterpret_cast<F*>(dlsym(handle, name));
  return function<F>() != nullptr;
}

}  // namespace blas

/// Those that are installed.
inline const std::vector<Blas>& blas_libraries() {
  static const std::vector<Blas> found = [] {
    for (const char* threads : {"OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS"})
      setenv(threads, "1", 0);
    std::vector<Blas> out;
    if (blas::load<blas::Cblas>("libopenblas.so.0", "cblas_sgemm"))
      out.push_back({"OpenBLAS", &blas::openblas});
    if (blas::load<blas::Blis>("libblis.so.4", "bli_sgemm")) out.push_back({"BLIS", &blas::blis});
    if (blas::load<blas::Dnnl>("libdnnl.so.2", "dnnl_sgemm"))
      out.push_back({"oneDNN", &blas::dnnl});
    return out;
  }();
  return found;
}

}  // namespace cfm::bench
