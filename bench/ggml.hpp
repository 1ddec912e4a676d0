#pragma once
/// @file  ggml as a peer: products with stored weights, and flash attention. Its shared library is
///        opened when the benchmark runs, `libggml-cpu.so` on the loader's path or the file that
///        CFM_BENCH_GGML names; one thread.

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <cfm/tensor/tensor.hpp>

namespace cfm::bench {

/// The functions of the library that we call; all its types but one are opaque here.
struct Ggml {
  struct Params {
    std::size_t bytes;
    void* memory;
    bool no_data;
  };
  using Tensor = void*;

  void* (*init)(Params);
  void (*free)(void* context);
  Tensor (*new_tensor)(void*, int type, std::int64_t, std::int64_t, std::int64_t, std::int64_t);
  void* (*data)(Tensor);
  Tensor (*mul_mat)(void*, Tensor weights, Tensor rows);
  Tensor (*flash_attention)(void*, Tensor q, Tensor k, Tensor v, Tensor mask, float scale,
                            float max_bias, float softcap);
  void* (*new_graph)(void*);
  void (*expand)(void* graph, Tensor);
  void* (*cpu)();
  void (*set_threads)(void* backend, int);
  int (*compute)(void* backend, void* graph);

  /// Null where it is not installed.
  static const Ggml* library() {
    static const Ggml* const found = [] {
      const char* const file = std::getenv("CFM_BENCH_GGML");
      void* const handle = dlopen(file != nullptr ? file : "libggml-cpu.so", RTLD_NOW | RTLD_LOCAL);
      static Ggml g;
      bool all = handle != nullptr;
      const auto take = [&](auto& f, const char* name) {
        if (all) f = reinterpret_cast<std::remove_reference_t<decltype(f)>>(dlsym(handle, name));
        all = all && f != nullptr;
      };
      take(g.init, "ggml_init");
      take(g.free, "ggml_free");
      take(g.new_tensor, "ggml_new_tensor_4d");
      take(g.data, "ggml_get_data");
      take(g.mul_mat, "ggml_mul_mat");
      take(g.flash_attention, "ggml_flash_attn_ext");
      take(g.new_graph, "ggml_new_graph");
      take(g.expand, "ggml_build_forward_expand");
      take(g.cpu, "ggml_backend_cpu_init");
      take(g.set_threads, "ggml_backend_cpu_set_n_threads");
      take(g.compute, "ggml_backend_graph_compute");
      return all ? &g : nullptr;
    }();
    return found;
  }
};

/// Tensors and operations of one race, in memory of their own.
class GgmlTask {
 public:
  /// For tensors of so many bytes.
  GgmlTask(const Ggml& g, std::size_t bytes) : g_(g), backend_(g.cpu()) {
    context_ = g.init({bytes + (std::size_t{64} << 20), nullptr, false});
    g.set_threads(backend_, 1);
  }
  ~GgmlTask() { g_.free(context_); }
  GgmlTask(const GgmlTask&) = delete;
  GgmlTask& operator=(const GgmlTask&) = delete;

  /// A copy of t: f32, f16 or bf16, up to four dimensions.
  Ggml::Tensor copy(const cfm::Tensor& t) {
    std::int64_t size[4] = {1, 1, 1, 1};
    for (int i = 0; i < t.rank(); ++i) size[i] = t.size(t.rank() - 1 - i);
    const int type = t.dtype() == DType::f32 ? 0 : t.dtype() == DType::f16 ? 1 : 30;
    const Ggml::Tensor out = g_.new_tensor(context_, type, size[0], size[1], size[2], size[3]);
    const cfm::Tensor dense = t.contiguous();
    std::memcpy(g_.data(out), std::as_const(dense).bytes(),
                static_cast<std::size_t>(dense.size() * size_of(dense.dtype())));
    return out;
  }

  /// x [m, k] times weights [n, k] transposed.
  void product(Ggml::Tensor x, Ggml::Tensor weights) { add(g_.mul_mat(context_, weights, x)); }
  /// q [1, heads, n, width], k and v [1, kv_heads, keys, width]; mask f16 [n, keys] or null.
  void attention(Ggml::Tensor q, Ggml::Tensor k, Ggml::Tensor v, Ggml::Tensor mask, float scale) {
    add(g_.flash_attention(context_, q, k, v, mask, scale, 0, 0));
  }

  /// The operations take turns.
  void run() { g_.compute(backend_, graphs_[next_++ % graphs_.size()]); }
  /// The result of the first one: of attention [n, heads, width].
  const float* result() const { return static_cast<const float*>(g_.data(first_)); }

 private:
  void add(Ggml::Tensor result) {
    if (graphs_.empty()) first_ = result;
    graphs_.push_back(g_.new_graph(context_));
    g_.expand(graphs_.back(), result);
  }

  const Ggml& g_;
  void* backend_;
  void* context_;
  Ggml::Tensor first_ = nullptr;
  std::vector<void*> graphs_;
  std::size_t next_ = 0;
};

}  // namespace cfm::bench
