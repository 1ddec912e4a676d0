/// @file  Blocks of a matrix transposed in registers.
#ifndef CFM_KERNELS_TRANSPOSE_INL_HPP_
#define CFM_KERNELS_TRANSPOSE_INL_HPP_
#include <cstring>

#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

inline constexpr Index transpose_tile = 64;  // rows and columns of a tile

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_TRANSPOSE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_TRANSPOSE_TARGET
#undef CFM_KERNELS_TRANSPOSE_TARGET
#else
#define CFM_KERNELS_TRANSPOSE_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// out[c, r] = x[r, c]. T stands for any type of its size: elements are moved, never computed with.
template <class T>
inline void transpose_block(const T* x, Index x_row, T* out, Index out_row, Index rows,
                            Index cols) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  constexpr std::size_t vectors = block_of(hn::ScalableTag<T>());
  constexpr Index block = static_cast<Index>(vectors);
  const auto one_by_one = [&](Index r0, Index c0, Index c1) {
    for (Index c = c0; c < c1; ++c)
      for (Index r = r0; r < rows; ++r)
        std::memcpy(out + c * out_row + r, x + r * x_row + c, sizeof(T));
  };
  Index r = 0;
  const Index whole = cols / block * block;
  for (; r + lanes <= rows; r += lanes) {
    for (Index c = 0; c < whole; c += block) {
      hn::Vec<decltype(d)> v[vectors];
      load_transposed(d, x + r * x_row + c, x_row, v);
      for (std::size_t u = 0; u < vectors; ++u)
        hn::StoreU(v[u], d, out + (c + static_cast<Index>(u)) * out_row + r);
    }
    for (Index c = whole; c < cols; ++c)
      for (Index i = r; i < r + lanes; ++i)
        std::memcpy(out + c * out_row + i, x + i * x_row + c, sizeof(T));
  }
  one_by_one(r, 0, cols);
}

// The same for whole tiles of out that are written past the caches: rows of a tile are put together
// in `room` first, so that each is stored line by line.
template <class T>
inline void transpose_past(const T* x, Index x_row, T* out, Index out_row, Index rows, Index cols,
                           T* room) {
  const hn::ScalableTag<T> d;
  transpose_block(x, x_row, room, detail::transpose_tile, rows, cols);
  for (Index c = 0; c < cols; ++c)
    each_vector<T>(rows, [&](Index i, Index count) CFM_LANES {
      const T* const from = room + c * detail::transpose_tile + i;
      put_some(d, load_some(d, from, count), out + c * out_row + i, count, true);
    });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_TRANSPOSE) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, transpose_block,
         (const T* x, Index x_row, T* out, Index out_row, Index rows, Index cols),
         (x, x_row, out, out_row, rows, cols))
CFM_BODY(void, transpose_past,
         (const T* x, Index x_row, T* out, Index out_row, Index rows, Index cols, T* room),
         (x, x_row, out, out_row, rows, cols, room))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
