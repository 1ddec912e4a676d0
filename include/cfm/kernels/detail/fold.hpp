#pragma once
/// @file  Reductions of a tensor over some of its dimensions, as rows or columns of dense blocks.

#include <utility>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/reduce-inl.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

/// A tensor as [outer, n, inner] with n reduced, dense; and the shape of the result.
struct FoldPlan {
  Tensor x;
  Index outer = 1, n = 1, inner = 1;
  Shape shape;
};

// No dimensions named means all of them. With `rows` inner is 1.
inline FoldPlan plan_fold(std::string_view op, const Tensor& x, const Extents& dims, bool keepdim,
                          bool rows = false) {
  unsigned reduced = 0;
  for (Index entry : dims) {
    const int d = normalize_dim(static_cast<int>(entry), x.rank(), op);
    CFM_CHECK((reduced >> d & 1u) == 0, concat(op, ": names a dimension twice"), x, dims);
    reduced |= 1u << d;
  }
  if (dims.rank() == 0) reduced = ~0u;
  FoldPlan plan;
  Extents shape, kept_first, last;
  int changes = 0;  // between kept and reduced, walking along the dimensions
  bool previous = false;
  for (int d = 0; d < x.rank(); ++d) {
    const bool in = (reduced >> d & 1u) != 0;
    if (in != previous) ++changes;
    previous = in;
    if (in) plan.n *= x.shape()[d];
    else (changes == 0 ? plan.outer : plan.inner) *= x.shape()[d];
    if (in && keepdim) shape.push_back(1);
    if (!in) shape.push_back(x.shape()[d]);
    (in ? last : kept_first).push_back(d);
  }
  plan.shape = Shape(shape);
  const bool in_place = changes <= 2 && x.is_contiguous() && (!rows || plan.inner == 1);
  if (in_place) {
    plan.x = x;
    return plan;
  }
  for (Index d : last) kept_first.push_back(d);
  plan.x = x.permute(kept_first).contiguous();
  plan.outer *= plan.inner;
  plan.inner = 1;
  return plan;
}

// Sums of f32 chunks are combined in double.
template <class Fold, class T>
T combine_chunks(const T* partial, Index count, Index step) {
  using Wide = std::conditional_t<std::same_as<Fold, detail::FoldSum>, double, T>;
  Wide out = static_cast<Wide>(partial[0]);
  for (Index i = 1; i < count; ++i)
    out = detail::fold<Fold>(out, static_cast<Wide>(partial[i * step]));
  return static_cast<T>(out);
}

// Chunks of fixed size, so that the order of summation depends on n alone.
template <class Fold, class T>
void fold_rows(const FoldPlan& plan, const T* x, T* out) {
  constexpr Index chunk = 1024;
  const Index chunks = std::max<Index>(1, (plan.n + chunk - 1) / chunk);
  const detail::Scratch<T> scratch(chunks > 1 ? plan.outer * chunks : 0);
  T* const partial = chunks > 1 ? scratch.data() : out;
  const Index bytes = std::min(chunk, plan.n) * Index{sizeof(T)};
  parallel_for(plan.outer * chunks, grain_for(bytes), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = i % chunks * chunk;
      partial[i] = CFM_CALL(reduce_row)(Fold{}, x + i / chunks * plan.n + at,
                                        std::min(chunk, plan.n - at));
    }
  });
  if (chunks == 1) return;
  for (Index r = 0; r < plan.outer; ++r)
    out[r] = combine_chunks<Fold>(partial + r * chunks, chunks, Index{1});
}

template <class Fold, class T>
void fold_columns(const FoldPlan& plan, const T* x, T* out) {
  constexpr Index chunk = 256, width = 1024;
  const Index chunks = std::max<Index>(1, (plan.n + chunk - 1) / chunk);
  const Index blocks = (plan.inner + width - 1) / width;
  const detail::Scratch<T> scratch(chunks > 1 ? plan.outer * chunks * plan.inner : 0);
  T* const partial = chunks > 1 ? scratch.data() : out;
  const Index bytes = std::min(chunk, plan.n) * std::min(width, plan.inner) * Index{sizeof(T)};
  parallel_for(plan.outer * chunks * blocks, grain_for(bytes), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index o = i / (chunks * blocks), r = i / blocks % chunks * chunk;
      const Index c = i % blocks * width;
      CFM_CALL(reduce_columns)(Fold{}, x + (o * plan.n + r) * plan.inner + c,
                               std::min(chunk, plan.n - r), plan.inner,
                               partial + i / blocks * plan.inner + c,
                               std::min(width, plan.inner - c));
    }
  });
  if (chunks == 1) return;
  parallel_for(plan.outer * plan.inner, grain_for(chunks * Index{sizeof(T)}),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const Index o = i / plan.inner, c = i % plan.inner;
                   out[i] = combine_chunks<Fold>(partial + o * chunks * plan.inner + c, chunks,
                                                 plan.inner);
                 }
               });
}

template <class Fold>
Tensor fold_real(std::string_view op, const Tensor& x, const Extents& dims, bool keepdim) {
  return visit_real(x.dtype(), op, [&]<class T>(std::type_identity<T>) {
    const FoldPlan plan = plan_fold(op, x, dims, keepdim);
    Tensor out = Tensor::empty(plan.shape, x.dtype());
    if (out.size() == 0) return out;
    const T* const source = std::as_const(plan.x).template data<T>();
    if (plan.inner == 1) fold_rows<Fold>(plan, source, out.data<T>());
    else fold_columns<Fold>(plan, source, out.data<T>());
    return out;
  });
}

// Integers are folded as 64-bit ones and wrap around.
template <class Fold>
Tensor fold_integer(std::string_view op, const Tensor& x, const Extents& dims, bool keepdim) {
  const DType wide = x.dtype() == DType::u64 ? DType::u64 : DType::i64;
  const FoldPlan plan = plan_fold(op, x.to(wide), dims, keepdim, true);
  const auto run = [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(plan.shape, wide);
    const T* const source = std::as_const(plan.x).template data<T>();
    T* const target = out.data<T>();
    parallel_for(plan.outer, grain_for(plan.n * 8), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* const row = source + r * plan.n;
        if constexpr (std::same_as<Fold, detail::FoldMax> || std::same_as<Fold, detail::FoldMin>) {
          T value = detail::fold_identity<Fold, T>();
          for (Index i = 0; i < plan.n; ++i) value = detail::fold<Fold>(value, row[i]);
          target[r] = value;
        } else {
          std::uint64_t value = detail::fold_identity<Fold, std::uint64_t>();
          for (Index i = 0; i < plan.n; ++i)
            value = detail::fold<Fold>(value, static_cast<std::uint64_t>(row[i]));
          target[r] = static_cast<T>(value);
        }
      }
    });
    return out;
  };
  return wide == DType::u64 ? run(std::type_identity<std::uint64_t>{})
                            : run(std::type_identity<std::int64_t>{});
}

// Index of the first largest or smallest element of each row; a NaN wins.
template <class Fold>
Tensor fold_position(std::string_view op, const Tensor& x, const Extents& dims, bool keepdim) {
  Tensor from = is_integer(x.dtype()) && x.dtype() != DType::u64 ? x.to(DType::i64) : x;
  const FoldPlan plan = plan_fold(op, from, dims, keepdim, true);
  CFM_CHECK(plan.n > 0 || plan.outer == 0, concat(op, ": nothing to choose from"), x);
  const auto run = [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(plan.shape, DType::i64);
    const T* const source = std::as_const(plan.x).template data<T>();
    std::int64_t* const target = out.data<std::int64_t>();
    parallel_for(plan.outer, grain_for(plan.n * Index{sizeof(T)}), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* const row = source + r * plan.n;
        T best = row[0];
        if constexpr (std::floating_point<T>) best = CFM_CALL(reduce_row)(Fold{}, row, plan.n);
        else for (Index i = 1; i < plan.n; ++i) best = detail::fold<Fold>(best, row[i]);
        Index at = 0;
        while (row[at] != best && row[at] == row[at]) ++at;
        target[r] = at;
      }
    });
    return out;
  };
  if (plan.x.dtype() == DType::i64) return run(std::type_identity<std::int64_t>{});
  if (plan.x.dtype() == DType::u64) return run(std::type_identity<std::uint64_t>{});
  return visit_real(plan.x.dtype(), op, run);
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
