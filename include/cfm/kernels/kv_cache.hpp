#pragma once
/// @file  Views of cached keys and values: one piece of memory a sequence, or pages of a pool.

#include <algorithm>
#include <span>

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// Keys and values of consecutive positions, rows k_row and v_row elements apart.
template <class T>
struct KvRun {
  const T* k;
  const T* v;
  Index k_row, v_row;
  Index rows;
};

/// A cache of keys and values with room for `capacity` positions of each sequence. What it refers
/// to belongs to somebody else, who also counts: before new rows are appended, `lengths` grow.
/// KvCacheView<const T> is for reading alone.
template <class T>
requires Element<std::remove_const_t<T>>
struct KvCacheView {
  using value_type = std::remove_const_t<T>;
  View<T, 4> k;                    ///< [batch, kv heads, capacity, width], last stride 1
  View<T, 4> v;                    ///< [batch, kv heads, capacity, v width], last stride 1
  std::span<const Index> lengths;  ///< [batch]: positions in use, new ones included

  Index batch() const { return k.extent[0]; }
  Index heads() const { return k.extent[1]; }
  Index capacity() const { return k.extent[2]; }

  /// Errors:  ShapeError, Error for a length that has no room.
  void check(const char* op) const {
    CFM_CHECK(k.extent[0] == v.extent[0] && k.extent[1] == v.extent[1] &&
                  k.extent[2] == v.extent[2] && k.last_contiguous() && v.last_contiguous(),
              concat(op, ": the cache wants k and v [batch, kv heads, capacity, ..], rows dense"),
              k, v);
    CFM_CHECK(static_cast<Index>(lengths.size()) == batch(),
              concat(op, ": one length a sequence of the cache"), lengths.size(), batch());
    for (const Index n : lengths)
      CFM_CHECK(0 <= n && n <= capacity(), concat(op, ": a length outside the cache"), n,
                capacity());
  }

  T* key(Index sequence, Index head, Index position) const {
    return &k(sequence, head, position, Index{0});
  }
  T* value(Index sequence, Index head, Index position) const {
    return &v(sequence, head, position, Index{0});
  }
  /// What lies from `position` on without a gap, at most up to `end`.
  KvRun<T> run(Index sequence, Index head, Index position, Index end) const {
    return {key(sequence, head, position), value(sequence, head, position), k.stride[2],
            v.stride[2], end - position};
  }
};

/// The same in pages: position p of sequence s lies in page table(s, p / page size), at row
/// p % page size. Pages may be shared by sequences and stand in any order.
template <class T>
requires Element<std::remove_const_t<T>>
struct PagedKvCacheView {
  using value_type = std::remove_const_t<T>;
  View<T, 4> k;                       ///< [pages, kv heads, page size, width], last stride 1
  View<T, 4> v;                       ///< [pages, kv heads, page size, v width], last stride 1
  View<const std::int32_t, 2> table;  ///< [batch, most pages of a sequence]
  std::span<const Index> lengths;     ///< [batch]: positions in use, new ones included

  Index batch() const { return table.extent[0]; }
  Index heads() const { return k.extent[1]; }
  Index page_size() const { return k.extent[2]; }
  Index capacity() const { return table.extent[1] * page_size(); }

  /// Errors:  ShapeError, Error for a length without pages or a page that does not exist.
  void check(const char* op) const {
    CFM_CHECK(k.extent[0] == v.extent[0] && k.extent[1] == v.extent[1] &&
                  k.extent[2] == v.extent[2] && k.last_contiguous() && v.last_contiguous(),
              concat(op, ": the cache wants k and v [pages, kv heads, page size, ..], rows dense"),
              k, v);
    CFM_CHECK(static_cast<Index>(lengths.size()) == batch(),
              concat(op, ": one length a sequence of the cache"), lengths.size(), batch());
    for (Index s = 0; s < batch(); ++s) {
      const Index n = lengths[static_cast<std::size_t>(s)];
      CFM_CHECK(0 <= n && n <= capacity(), concat(op, ": a length outside the cache"), n,
                capacity());
      for (Index p = 0; p * page_size() < n; ++p)
        CFM_CHECK(0 <= table(s, p) && table(s, p) < k.extent[0],
                  concat(op, ": the table names a page that does not exist"), table(s, p), s, p);
    }
  }

  T* key(Index sequence, Index head, Index position) const {
    return &k(table(sequence, position / page_size()), head, position % page_size(), Index{0});
  }
  T* value(Index sequence, Index head, Index position) const {
    return &v(table(sequence, position / page_size()), head, position % page_size(), Index{0});
  }
  /// What lies from `position` on without a gap, at most up to `end`.
  KvRun<T> run(Index sequence, Index head, Index position, Index end) const {
    return {key(sequence, head, position), value(sequence, head, position), k.stride[2],
            v.stride[2], std::min(end - position, page_size() - position % page_size())};
  }
};

/// A view of cached keys and values.
template <class C>
concept KvCache = requires(const C& cache, Index i) {
  typename C::value_type;
  { cache.batch() } -> std::same_as<Index>;
  { cache.heads() } -> std::same_as<Index>;
  { cache.capacity() } -> std::same_as<Index>;
  { cache.lengths } -> std::convertible_to<std::span<const Index>>;
  cache.check("");
  cache.key(i, i, i);
  cache.value(i, i, i);
  cache.run(i, i, i, i);
};

/// Writes the keys and values of the last `rows` positions of each sequence: those of sequence s go
/// to lengths[s] - rows .. lengths[s]. Make the lengths grow first; then every layer appends and
/// attends with the same lengths.
///
///     lengths[0] += 1;                       // a new token
///     kv_append<float>(cache, k, v);         // in each layer
///
/// Shapes:  k [batch, kv heads, rows, width], v [batch, kv heads, rows, v width]; any strides.
/// Order:   rounded to the cache's type, to nearest even; f64 to 16 bits by way of f32.
/// Errors:  ShapeError, Error if a sequence is shorter than `rows` or has no room.
template <Real T, KvCache Cache>
void kv_append(const Cache& cache, In<T, 4> k, In<T, 4> v) {
  using C = typename Cache::value_type;
  cache.check("kv_append");
  CFM_CHECK(k.extent[0] == cache.batch() && k.extent[1] == cache.heads() &&
                k.extent[3] == cache.k.extent[3],
            "kv_append: k must be [batch, kv heads, rows, width] of the cache", k, cache.k);
  CFM_CHECK(v.extent[0] == cache.batch() && v.extent[1] == cache.heads() &&
                v.extent[2] == k.extent[2] && v.extent[3] == cache.v.extent[3],
            "kv_append: v must be [batch, kv heads, rows, v width] of the cache", v, cache.v);
  const Index rows = k.extent[2];
  for (const Index n : cache.lengths)
    CFM_CHECK(n >= rows, "kv_append: lengths must count the new rows already", n, rows);
  const auto write = [](const T* from, Index step, Index n, C* to) {
    for (Index i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<T, C>)
        to[i] = from[i * step];
      else
        to[i] = static_cast<C>(static_cast<float>(from[i * step]));
    }
  };
  for (Index s = 0; s < cache.batch(); ++s) {
    const Index first = cache.lengths[static_cast<std::size_t>(s)] - rows;
    for (Index h = 0; h < cache.heads(); ++h)
      for (Index r = 0; r < rows; ++r) {
        write(&k(s, h, r, Index{0}), k.stride[3], k.extent[3], cache.key(s, h, first + r));
        write(&v(s, h, r, Index{0}), v.stride[3], v.extent[3], cache.value(s, h, first + r));
      }
  }
}

CFM_NAMESPACE_END
