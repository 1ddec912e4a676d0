/// @file  The gates of a GRU in level sweeps, and their gradients.
#ifndef CFM_KERNELS_LEVEL_GATES_INL_HPP_
#define CFM_KERNELS_LEVEL_GATES_INL_HPP_
#include <cfm/kernels/detail/level_arguments.hpp>
#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/math-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_LEVEL_GATES_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_LEVEL_GATES_TARGET
#undef CFM_KERNELS_LEVEL_GATES_TARGET
#else
#define CFM_KERNELS_LEVEL_GATES_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// What is read and written for the gates of a node.
template <class T>
struct LevelGateRow {
  T* HWY_RESTRICT sums;
  const T* HWY_RESTRICT bias;
  const T* HWY_RESTRICT old;
  T* HWY_RESTRICT fresh;  // null: not written
  bool keep;
};

// Inlined for whole vectors and for the rest, so that the constants of exp and tanh are loaded once
// a row.
template <class T>
HWY_INLINE void level_gate_vector(const LevelGateRow<T>& row, Index h4, Index i, Index count) {
  const hn::ScalableTag<T> d;
  T* const sums = row.sums + i;
  const T* const bias = row.bias + i;
  const auto r = vsigmoid(d, hn::Add(load_some(d, sums + h4, count),
                                     load_some(d, bias + h4, count)));
  const auto z = vsigmoid(d, hn::Add(load_some(d, sums + 2 * h4, count),
                                     load_some(d, bias + 2 * h4, count)));
  const auto nh = hn::Add(load_some(d, sums + 3 * h4, count), load_some(d, bias + 3 * h4, count));
  const auto ni = hn::Add(load_some(d, sums, count), load_some(d, bias, count));
  const auto n = vtanh(d, hn::MulAdd(r, nh, ni));
  if (row.fresh != nullptr) {
    const auto h = load_some(d, row.old + i, count);
    store_some(d, hn::MulAdd(z, hn::Sub(h, n), n), row.fresh + i, count);
  }
  if (!row.keep) return;
  store_some(d, n, sums, count);
  store_some(d, r, sums + h4, count);
  store_some(d, z, sums + 2 * h4, count);
  store_some(d, nh, sums + 3 * h4, count);
}

// Sums to gates, in place: [ni, r, z, nh] becomes [n, r, z, nh]; the new states are written.
template <class T>
inline void level_gates(const detail::LevelSweep<T>& s, const detail::LevelKind<T>& kind,
                        Index begin, Index end, T* sums, bool write) {
  const Index h4 = s.hidden4, lanes = lanes_of<T>(), whole = s.hidden / lanes * lanes;
  for (Index p = begin; p < end; ++p, sums += 4 * h4) {
    const Index v = s.order[p];
    const LevelGateRow<T> row{sums, kind.bias, s.old(v), write ? s.state + v * s.hidden : nullptr,
                              !write || s.gates != nullptr};
    for (Index i = 0; i < whole; i += lanes) level_gate_vector(row, h4, i, lanes);
    if (whole < s.hidden) level_gate_vector(row, h4, whole, s.hidden - whole);
  }
}

// Gradients of the sums from those of the new states: grads [ni, r, z, nh] from gates [n, r, z,
// nh]; `states` becomes what the old states get directly.
template <class T>
inline void level_gate_gradients(const detail::LevelSweep<T>& s, Index begin, Index end,
                                 const T* HWY_RESTRICT gates, T* HWY_RESTRICT grads,
                                 T* HWY_RESTRICT states) {
  const hn::ScalableTag<T> d;
  const Index h4 = s.hidden4;
  const auto one = hn::Set(d, T(1));
  for (Index p = begin; p < end; ++p, gates += 4 * h4, grads += 4 * h4, states += s.hidden) {
    const T* HWY_RESTRICT const old = s.old(s.order[p]);
    each_vector<T>(s.hidden, [&](Index i, Index count) CFM_LANES {
      const auto n = load_some(d, gates + i, count), r = load_some(d, gates + h4 + i, count);
      const auto z = load_some(d, gates + 2 * h4 + i, count);
      const auto nh = load_some(d, gates + 3 * h4 + i, count);
      const auto dh = load_some(d, states + i, count), h = load_some(d, old + i, count);
      const auto through = hn::Mul(dh, z);
      const auto dn = hn::Mul(hn::Sub(dh, through), hn::NegMulAdd(n, n, one));
      const auto dr = hn::Mul(hn::Mul(dn, nh), hn::NegMulAdd(r, r, r));
      const auto dz = hn::Mul(hn::Mul(dh, hn::Sub(h, n)), hn::NegMulAdd(z, z, z));
      store_some(d, dn, grads + i, count);
      store_some(d, dr, grads + h4 + i, count);
      store_some(d, dz, grads + 2 * h4 + i, count);
      store_some(d, hn::Mul(dn, r), grads + 3 * h4 + i, count);
      store_some(d, through, states + i, count);
    });
    for (Index i = s.hidden; i < h4; ++i)
      grads[i] = grads[h4 + i] = grads[2 * h4 + i] = grads[3 * h4 + i] = 0;
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
