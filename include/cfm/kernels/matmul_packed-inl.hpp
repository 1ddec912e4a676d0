/// @file  Products with a packed right factor: few rows, where reading it is the limit, and many.
#ifndef CFM_KERNELS_MATMUL_PACKED_INL_HPP_
#define CFM_KERNELS_MATMUL_PACKED_INL_HPP_
#include <cfm/kernels/matmul-inl.hpp>  // here and below: its constants, and its bodies a target

CFM_NAMESPACE_BEGIN
namespace detail {

/// out[m, n] = a[m, k] B + beta out over a range of panels.
template <class T, class S>
struct PanelProduct {
  Index m, n, k;  // n: columns of out, from the first column of the first panel on
  const T* a;     // rows in groups of panel_rows_of, each packed as gemm_pack_a does
  const S* b;     // PackedMatrix<S>: panels of [k][width]
  T* out;
  Index out_row;
  T beta;
  Index ahead = 0;  // bytes of each panel to ask for in advance
};

// Rows that are few enough to read the panels only once for all of them.
inline constexpr Index gemm_panel_rows = 16;
// Panels that are read side by side: streams from memory.
inline constexpr Index gemm_streams = 4;

// Rows of group i when m rows are shared out evenly in groups of at most six.
constexpr Index panel_groups(Index m) { return (m + gemm_rows - 1) / gemm_rows; }
constexpr Index panel_rows_of(Index m, Index i) {
  const Index groups = panel_groups(m);
  return m / groups + (i < m % groups ? 1 : 0);
}

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/half-inl.hpp>
#include <cfm/kernels/matmul-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_MATMUL_PACKED_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_MATMUL_PACKED_TARGET
#undef CFM_KERNELS_MATMUL_PACKED_TARGET
#else
#define CFM_KERNELS_MATMUL_PACKED_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Vectors of a tile with MR rows: sums, one vector of weights and a number must fit 16 registers,
// and at least eight sums hide the latency of multiply-adds. Several panels at once are several
// streams, which memory likes.
template <std::size_t MR>
constexpr std::size_t panel_vectors(std::size_t in_streams) {
  return std::min<std::size_t>(MR == 1 ? 8 : MR <= 3 ? 4 : 2, in_streams);
}
template <std::size_t MR, class T>
constexpr Index panel_vectors() {
  constexpr std::size_t bytes = 64 * static_cast<std::size_t>(detail::gemm_streams);
  return static_cast<Index>(
      panel_vectors<MR>(bytes / sizeof(T) / hn::MaxLanes(hn::ScalableTag<T>())));
}

// sums[MR][vectors] (+)= a b over kc terms. a: [kc / 4][MR][4]; b: the panel of the first vector,
// `step` from one panel to the next, of which `last` follow. Asks for weights `ahead` elements
// further on, unless that is 0: one line for a line that is read.
template <std::size_t MR, class T, class S>
HWY_NOINLINE void panel_tile(Index kc, const T* HWY_RESTRICT a, const S* HWY_RESTRICT b, Index step,
                             Index last, Index ahead, T* HWY_RESTRICT sums, Index sums_row,
                             bool first) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index lanes = static_cast<Index>(hn::MaxLanes(d));
  constexpr Index width = 64 / static_cast<Index>(sizeof(T));
  constexpr Index NV = panel_vectors<MR, T>(), rows = static_cast<Index>(MR);
  constexpr Index NP = NV * lanes > width ? NV * lanes / width : 1, in_panel = NV / NP;
  const S* panel[static_cast<std::size_t>(NP)];
  HWY_UNROLL(8) for (Index p = 0; p < NP; ++p) { panel[p] = b + std::min(p, last) * step; }
  V acc[MR][static_cast<std::size_t>(NV)];
  HWY_UNROLL(16) for (Index i = 0; i < rows; ++i) {
    HWY_UNROLL(16) for (Index v = 0; v < NV; ++v) {
      acc[i][v] = first ? hn::Zero(d) : hn::LoadU(d, sums + i * sums_row + v * lanes);
    }
  }
  const auto term = [&](const T* ak, Index at) HWY_ATTR {
    const auto weights = [&](Index v) HWY_ATTR {
      return load_wide(d, panel[v / in_panel] + at + v % in_panel * lanes);
    };
    if constexpr (rows > NV) {
      V bv[static_cast<std::size_t>(NV)];
      HWY_UNROLL(16) for (Index v = 0; v < NV; ++v) bv[v] = weights(v);
      HWY_UNROLL(16) for (Index i = 0; i < rows; ++i) {
        const V x = hn::Set(d, ak[4 * i]);
        HWY_UNROLL(16) for (Index v = 0; v < NV; ++v) {
          acc[i][v] = hn::MulAdd(x, bv[v], acc[i][v]);
        }
      }
    } else {
      V x[MR];
      HWY_UNROLL(16) for (Index i = 0; i < rows; ++i) x[i] = hn::Set(d, ak[4 * i]);
      HWY_UNROLL(16) for (Index v = 0; v < NV; ++v) {
        const V bv = weights(v);
        HWY_UNROLL(16) for (Index i = 0; i < rows; ++i) {
          acc[i][v] = hn::MulAdd(x[i], bv, acc[i][v]);
        }
      }
    }
  };
  Index k = 0;
  for (; k + 4 <= kc; k += 4, a += 4 * rows) {
    if (ahead != 0) {
      constexpr Index lines = static_cast<Index>(4 * sizeof(S) / sizeof(T));
      HWY_UNROLL(8) for (Index p = 0; p < NP; ++p) {
        HWY_UNROLL(4) for (Index u = 0; u < lines; ++u) {
          hwy::Prefetch(panel[p] + k * width + ahead + u * (64 / static_cast<Index>(sizeof(S))));
        }
      }
    }
    HWY_UNROLL(4) for (Index u = 0; u < 4; ++u) term(a + u, (k + u) * width);
  }
  for (; k < kc; ++k, ++a) term(a, k * width);
  HWY_UNROLL(16) for (Index i = 0; i < rows; ++i) {
    HWY_UNROLL(16) for (Index v = 0; v < NV; ++v) {
      hn::StoreU(acc[i][v], d, sums + i * sums_row + v * lanes);
    }
  }
}

// The same for all vectors of `columns` columns.
template <std::size_t MR, class T, class S>
inline void panel_tiles(Index kc, const T* a, const S* b, Index step, Index columns, Index ahead,
                        T* sums, Index sums_row, bool first) {
  constexpr Index width = 64 / static_cast<Index>(sizeof(T));
  const Index tile = panel_vectors<MR, T>() * lanes_of<T>();
  for (Index j = 0; j < columns; j += tile)
    panel_tile<MR>(kc, a, b + j / width * step + j % width, step, (columns - 1 - j) / width,
                   j % width == 0 ? ahead : 0, sums + j, sums_row, first);
}

template <class T, class S>
inline void panel_tiles_of(Index rows, Index kc, const T* a, const S* b, Index step, Index columns,
                           Index ahead, T* sums, Index sums_row, bool first) {
  switch (rows) {
    case 1: return panel_tiles<1>(kc, a, b, step, columns, ahead, sums, sums_row, first);
    case 2: return panel_tiles<2>(kc, a, b, step, columns, ahead, sums, sums_row, first);
    case 3: return panel_tiles<3>(kc, a, b, step, columns, ahead, sums, sums_row, first);
    case 4: return panel_tiles<4>(kc, a, b, step, columns, ahead, sums, sums_row, first);
    case 5: return panel_tiles<5>(kc, a, b, step, columns, ahead, sums, sums_row, first);
    default: return panel_tiles<6>(kc, a, b, step, columns, ahead, sums, sums_row, first);
  }
}

// Few rows: at most gemm_panel_rows. Four panels are read side by side, 1 KiB of each in turn:
// memory delivers several streams faster than one, and all groups of rows take the same weights
// from the first-level cache. One row takes a whole block at once.
// `sums` has room for m rows of four panels.
template <class T, class S>
inline void gemm_few_panels(const detail::PanelProduct<T, S>& g, T* sums) {
  const hn::ScalableTag<T> d;
  constexpr Index width = 64 / static_cast<Index>(sizeof(T));
  constexpr Index most = detail::gemm_streams * width;
  constexpr Index part = 1024 / (width * static_cast<Index>(sizeof(S)));
  const Index chunk = g.m == 1 ? detail::gemm_k_block : part;
  const Index ahead = g.ahead / static_cast<Index>(sizeof(S));
  const Index step = g.k * width, terms = (g.k + 3) / 4 * 4;
  static_assert(detail::gemm_k_block % part == 0 && part % 4 == 0);
  for (Index j = 0; j < g.n; j += most) {
    const Index columns = std::min(most, g.n - j);
    const S* const b = g.b + j * g.k;
    for (Index k = 0; k < g.k; k += chunk) {
      const Index kc = std::min(chunk, g.k - k);
      for (Index i = 0, row = 0; row < g.m; ++i) {
        const Index rows = detail::panel_rows_of(g.m, i);
        panel_tiles_of(rows, kc, g.a + row * terms + k * rows, b + k * width, step, columns,
                       row == 0 ? ahead : 0, sums + row * most, most,
                       k % detail::gemm_k_block == 0);
        row += rows;
      }
      if ((k + kc) % detail::gemm_k_block != 0 && k + kc != g.k) continue;
      const T beta = k < detail::gemm_k_block ? g.beta : T{1};
      for (Index r = 0; r < g.m; ++r)
        each_vector<T>(columns, [&](Index c, Index count) CFM_LANES {
          T* const out = g.out + r * g.out_row + j + c;
          auto sum = hn::LoadU(d, sums + r * most + c);
          if (beta != T{0}) sum = hn::MulAdd(hn::Set(d, beta), load_some(d, out, count), sum);
          store_some(d, sum, out, count);
        });
    }
  }
}

// Many rows, kc terms of one block: g.a is what gemm_pack_a made of them, g.b points at the first
// of these terms, `step` leads from panel to panel. `room` holds kc terms of two vectors, for
// weights that are not yet as the tiles want them.
template <class T, class S>
inline void gemm_panels(const detail::PanelProduct<T, S>& g, Index step, T* room) {
  const hn::ScalableTag<T> d;
  constexpr Index width = 64 / static_cast<Index>(sizeof(T));
  const Index lanes = lanes_of<T>(), tile = 2 * lanes, kc = g.k;
  const Index last = (g.n - 1) / width;
  for (Index j = 0; j < g.n; j += tile) {
    const T* b = room;
    if constexpr (std::is_same_v<S, T>)
      if (tile == width) b = g.b + j / width * step;
    if (b == room)
      for (Index half = 0; half < 2; ++half) {
        const Index c = j + half * lanes;
        const S* const from = g.b + std::min(c / width, last) * step + c % width;
        for (Index k = 0; k < kc; ++k)
          hn::StoreU(load_wide(d, from + k * width), d, room + k * tile + half * lanes);
      }
    for (Index i = 0, rows; i < g.m; i += rows) {
      rows = gemm_rows_of(g.m - i);
      gemm_tile_of<true>(rows, kc, g.a + gemm_packed_a(i, kc), 4, 1, b, tile,
                         g.out + i * g.out_row + j, g.out_row, std::min(tile, g.n - j), g.beta);
    }
  }
}

// to[terms][width] = columns of from[width][terms], rows of from `part` apart.
template <class T>
inline void transpose_panel(Index terms, const T* from, Index part, T* HWY_RESTRICT to) {
  constexpr Index width = 64 / static_cast<Index>(sizeof(T));
  const hn::ScalableTag<T> d;
  constexpr std::size_t block = block_of(hn::ScalableTag<T>());
  constexpr Index step = static_cast<Index>(block);
  const Index lanes = lanes_of<T>();
  for (Index c = 0; c < width; c += lanes) {
    Index t = 0;
    for (; t + step <= terms; t += step) {
      hn::Vec<decltype(d)> v[block];
      load_transposed(d, from + c * part + t, part, v);
      for (Index u = 0; u < step; ++u) hn::StoreU(v[u], d, to + (t + u) * width + c);
    }
    for (; t < terms; ++t)
      for (Index l = 0; l < lanes; ++l) to[t * width + c + l] = from[(c + l) * part + t];
  }
}

// Columns [0, columns) of all k terms of b, dense along rows (b_col 1) or along columns (b_row 1),
// as panels of numbers of type T.
template <class T, class S>
inline void gemm_pack_panels(Index k, Index columns, const S* b, Index b_row, Index b_col,
                             T* HWY_RESTRICT to) {
  constexpr Index width = 64 / static_cast<Index>(sizeof(T)), part = 64;
  HWY_ALIGN T rows[static_cast<std::size_t>(width * part)];
  for (Index j = 0; j < columns; j += width, to += k * width) {
    const Index have = std::min(width, columns - j);
    const S* const from = b + j * b_col;
    if (b_col == 1) {
      for (Index t = 0; t < k; ++t) {
        convert_dense(from + t * b_row, to + t * width, have);
        std::fill_n(to + t * width + have, width - have, T{0});
      }
      continue;
    }
    for (Index t = 0; t < k; t += part) {
      const Index terms = std::min(part, k - t);
      for (Index c = 0; c < have; ++c) convert_dense(from + c * b_col + t, rows + c * part, terms);
      if (have < width) std::fill_n(rows + have * part, (width - have) * part, T{0});
      transpose_panel(terms, rows, part, to + t * width);
    }
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_MATMUL_PACKED) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(class, void, gemm_few_panels, (const detail::PanelProduct<Of, T>& g, Of* sums),
            (g, sums))
CFM_BODY_STORED(gemm_few_panels)
CFM_BODY_OF(class, void, gemm_panels, (const detail::PanelProduct<Of, T>& g, Index step, Of* room),
            (g, step, room))
CFM_BODY_STORED(gemm_panels)
CFM_BODY_OF(class, void, gemm_pack_panels,
            (Index k, Index columns, const T* b, Index b_row, Index b_col, Of* to),
            (k, columns, b, b_row, b_col, to))
CFM_BODY_STORED(gemm_pack_panels)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
