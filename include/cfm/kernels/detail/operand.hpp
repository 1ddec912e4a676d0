#pragma once
/// @file  Reads a broadcast operand in the order of the result, a chunk at a time.

#include <algorithm>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Elements that an operand which is not dense copies to the stack at once.
inline constexpr Index operand_chunk = 512;

/// An operand seen through the shape of the result: dense, one value, or gathered run by run.
template <class T>
class ElementOperand {
 public:
  ElementOperand(const Tensor& t, const Shape& shape) : data_(t.data<T>()) {
    const int extra = shape.rank() - t.rank();
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape[d] == 1) continue;
      const bool own = d >= extra && t.shape()[d - extra] == shape[d];
      const Index step = own ? t.strides()[d - extra] : 0;
      const int last = extent_.rank() - 1;
      if (last >= 0 && stride_[last] == step * shape[d]) {
        extent_[last] *= shape[d];
        stride_[last] = step;
      } else {
        extent_.push_back(shape[d]);
        stride_.push_back(step);
      }
    }
    if (extent_.rank() == 0) {
      extent_.push_back(1);
      stride_.push_back(1);
    }
  }
  explicit ElementOperand(T value) : value_(value), data_(nullptr), extent_{1}, stride_{0} {}

  bool dense() const { return extent_.rank() == 1 && stride_[0] == 1; }

  // Elements [begin, begin + count) of the result's order: in place, or copied to the buffer.
  const T* fetch(Index begin, Index count, T* buffer) const {
    if (dense()) return data_ + begin;
    if (extent_.rank() == 1 && stride_[0] == 0) {
      std::fill_n(buffer, count, data_ != nullptr ? *data_ : value_);
      return buffer;
    }
    const int inner = extent_.rank() - 1;
    Index index[max_rank] = {}, offset = 0, rest = begin;
    for (int d = inner; d >= 0; --d) {
      index[d] = rest % extent_[d];
      rest /= extent_[d];
      offset += index[d] * stride_[d];
    }
    for (Index done = 0; done < count;) {
      const Index run = std::min(count - done, extent_[inner] - index[inner]);
      const Index step = stride_[inner];
      const T* source = data_ + offset;
      if (step == 1) std::copy_n(source, run, buffer + done);
      else if (step == 0) std::fill_n(buffer + done, run, *source);
      else for (Index i = 0; i < run; ++i) buffer[done + i] = source[i * step];
      done += run;
      index[inner] += run;
      offset += run * step;
      for (int d = inner; d > 0 && index[d] == extent_[d]; --d) {
        offset += stride_[d - 1] - extent_[d] * stride_[d];
        index[d] = 0;
        ++index[d - 1];
      }
    }
    return buffer;
  }

 private:
  T value_{};
  const T* data_;
  Extents extent_, stride_;
};

// f(begin, count) over [0, n) in parallel: whole pieces if all operands are dense, else pieces that
// fit the chunks' buffers.
template <class F>
void for_each_piece(Index n, bool dense, Index bytes_per_element, const F& f) {
  const Index pieces = grain_for(bytes_per_element * operand_chunk);
  parallel_for(n, pieces * operand_chunk, [&](Index begin, Index end) {
    if (dense) return f(begin, end - begin);
    for (Index i = begin; i < end; i += operand_chunk)
      f(i, std::min(operand_chunk, end - i));
  });
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
