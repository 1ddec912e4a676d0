#pragma once
/// @file  States of nodes that are read and written row by row, with gradients.

#include <memory>
#include <utility>

#include <cfm/autograd/ops_index.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A matrix of states for networks that go level by level in steps of their own: `rows` reads some,
/// `assign` replaces some, in place. Only the rows that take part are copied, so L steps over n
/// nodes cost n rows, not L n, and so does the gradient. For GRU updates level_sweep is faster.
///
///     LevelStates h(start);
///     for (each level) h.assign(nodes, update(h.rows(sources), h.rows(nodes)));
///     return std::move(h).take();
class LevelStates {
 public:
  /// Starts from a copy.   Shapes:  start [nodes, width].
  explicit LevelStates(const Var& start)
      : value_(start.value().contiguous().clone()), memory_(std::make_shared<Memory>()) {
    CFM_CHECK(start.rank() == 2, "level states: needs a matrix", start);
    memory_->shape = start.shape();
    order_ = record({&start}, Tensor::zeros({1}, start.dtype()),
                    [memory = memory_, to = start.slot()](Gradients& gradients, const Tensor& dy) {
                      memory->begin(dy.dtype());
                      gradients.add(to, std::move(memory->grad));
                    });
  }

  Index nodes() const { return value_.size(0); }
  Index width() const { return value_.size(1); }

  /// Copies of rows, repeats allowed.   Shapes:  index i32 or i64 [m]  ->  [m, width].
  Var rows(const Tensor& index) const {
    return record({&order_}, gather_rows(value_, index),
                  [memory = memory_, order = order_.slot(), index = Saved(index)](
                      Gradients& gradients, const Tensor& dy) {
                    memory->begin(dy.dtype());
                    memory->each(dy, *index, [](auto& sum, const auto& d) { sum += d; });
                    gradients.add(order, Tensor::zeros({1}, dy.dtype()));
                  });
  }

  /// Replaces rows.   Shapes:  index [m] without repeats, values [m, width].
  void assign(const Tensor& index, const Var& values) {
    CFM_CHECK(values.rank() == 2 && values.size(0) == index.size() && values.size(1) == width(),
              "level states: one row of values for each index", values, index);
    const Tensor from = values.value().contiguous();
    visit_real(value_.dtype(), "level states", [&]<class T>(std::type_identity<T>) {
      const View<const T, 2> source = from.view<T, 2>();
      const View<T, 2> to = value_.view<T, 2>();
      each_index(index, nodes(),
                 [&](Index i, Index v) { std::copy_n(source.row(i), to.cols(), to.row(v)); });
    });
    order_ = record({&order_, &values}, Tensor::zeros({1}, value_.dtype()),
                    [memory = memory_, order = order_.slot(), to = values.slot(),
                     index = Saved(index)](Gradients& gradients, const Tensor& dy) {
                      memory->begin(dy.dtype());
                      Tensor grad = Tensor::empty({index->size(), memory->shape[1]}, dy.dtype());
                      memory->each(grad, *index, [](auto& sum, auto& d) {
                        d = sum;
                        sum = 0;
                      });
                      if (gradients.wanted(to)) gradients.add(to, std::move(grad));
                      if (gradients.wanted(order)) gradients.add(order, dy);
                    });
  }

  /// The whole matrix; the states are gone.
  Var take() && {
    return record(
        {&order_}, std::move(value_),
        [memory = memory_, order = order_.slot()](Gradients& gradients, const Tensor& dy) {
          if (memory->grad.defined())
            isa_detail::add_gradient(memory->grad, dy);
          else
            memory->grad = dy.clone();
          gradients.add(order, Tensor::zeros({1}, dy.dtype()));
        });
  }

 private:
  template <class F>
  static void each_index(const Tensor& index, Index nodes, const F& f) {
    const Tensor dense = index.contiguous();
    visit_index(index.dtype(), "level states", [&]<class I>(std::type_identity<I>) {
      Index i = 0;
      for (I v : std::as_const(dense).span<I>()) {
        CFM_CHECK(v >= 0 && static_cast<Index>(v) < nodes, "level states: no such row", v, nodes);
        f(i++, static_cast<Index>(v));
      }
    });
  }

  // The gradient of the states as they were at the point that the replay has reached.
  struct Memory {
    Tensor grad{};
    Shape shape{};

    void begin(DType dtype) {
      if (!grad.defined()) grad = Tensor::zeros(shape, dtype);
    }
    template <class F>
    void each(const Tensor& rows, const Tensor& index, const F& f) {
      const Tensor dense = rows.contiguous();
      visit_real(rows.dtype(), "level states", [&]<class T>(std::type_identity<T>) {
        const View<T, 2> sum = grad.view<T, 2>();
        T* const d = const_cast<T*>(std::as_const(dense).template data<T>());
        each_index(index, shape[0], [&](Index i, Index v) {
          for (Index c = 0; c < sum.cols(); ++c) f(sum(v, c), d[i * sum.cols() + c]);
        });
      });
    }
  };

  Tensor value_;
  std::shared_ptr<Memory> memory_;
  Var order_;  // a link from each write to the next: it makes the replay keep their order
};

CFM_ISA_NAMESPACE_END
