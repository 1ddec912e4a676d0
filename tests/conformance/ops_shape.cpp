// Operations that move elements.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_reduce.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

// The wanted extents with -1 where torch says "as it is".
Shape expanded(const Var& x, const Extents& wanted) {
  Extents out = wanted;
  const int extra = wanted.rank() - x.rank();
  for (int d = 0; d < out.rank(); ++d)
    if (out[d] == -1) out[d] = x.shape()[d - extra];
  return Shape(out);
}

Operator reshaping() {
  return [](Sample& s) {
    const Var x = s.var(0);
    return Outputs(reshape(x, s.extents(1, "shape")));
  };
}

// torch writes paddings from the last dimension on, before and after in turn.
Outputs pad_constant(Sample& s) {
  const Var x = s.var(0);
  const Extents list = s.extents(1, "pad");
  s.text(2, "mode", "constant");
  Extents before, after;
  for (int d = 0; d < x.rank(); ++d) {
    const int k = 2 * (x.rank() - 1 - d);
    before.push_back(k < list.rank() ? list[k] : 0);
    after.push_back(k < list.rank() ? list[k + 1] : 0);
  }
  return pad(x, before, after, s.number(3, "value", 0));
}

std::vector<Index> sizes_of(const Extents& list) { return {list.begin(), list.end()}; }

Outputs split_sizes(Sample& s) {
  const Var x = s.var(0);
  const std::vector<Index> sizes = sizes_of(s.extents(1, "split_size"));
  return split(x, sizes, s.dim(2, "dim", 0));
}

Outputs chunks(Sample& s) {
  const Var x = s.var(0);
  const Index n = s.integer(1, "chunks", 1);
  const int dim = s.dim(2, "dim", 0);
  return split(x, (x.size(dim) + n - 1) / n, dim);
}

Outputs squeeze_some(Sample& s) {
  const Var x = s.var(0);
  if (s.has(1, "dim")) {
    const int dim = s.dim(1, "dim", 0);
    return x.rank() > 0 && x.size(dim) == 1 ? squeeze(x, dim) : reshape(x, x.shape());
  }
  Extents left;
  for (Index e : x.shape())
    if (e != 1) left.push_back(e);
  return reshape(x, left);
}

Outputs move_dims(Sample& s) {
  const Var x = s.var(0);
  const Extents from = s.extents(1, "source"), to = s.extents(2, "destination");
  if (from.rank() == 1) return movedim(x, static_cast<int>(from[0]), static_cast<int>(to[0]));
  if (from.rank() != x.rank()) throw Skip{"movedim of some of several dimensions"};
  Extents order = from;
  for (int d = 0; d < from.rank(); ++d)
    order[normalize_dim(static_cast<int>(to[d]), x.rank(), "movedim")] = from[d];
  return permute(x, order);
}

Outputs rolled(Sample& s) {
  const Var x = s.var(0);
  const Extents shifts = s.extents(1, "shifts"), dims = s.extents(2, "dims");
  if (dims.rank() == 0)
    return reshape(roll(reshape(x, {x.size()}), shifts.rank() == 0 ? 0 : shifts[0], 0), x.shape());
  Var y = x;
  for (int k = 0; k < dims.rank(); ++k) y = roll(y, shifts[k], static_cast<int>(dims[k]));
  return x.size() == 0 || x.rank() == 0 ? reshape(x, x.shape()) : y;
}

Outputs repeated(Sample& s, bool pad_front) {
  const Var x = s.var(0);
  Extents times = s.extents(1, "repeats");
  if (pad_front && times.rank() < x.rank()) {  // tile takes fewer numbers than dimensions
    Extents full;
    for (int d = 0; d < x.rank() - times.rank(); ++d) full.push_back(1);
    for (Index t : times) full.push_back(t);
    times = full;
  }
  return repeat(x, times);
}

Operator triangle(Var (*f)(const Var&, Index)) {
  return [f](Sample& s) {
    const Var x = s.var(0);
    return Outputs(f(x, s.integer(1, "diagonal", 0)));
  };
}

const Operators shapes({
    {"reshape", reshaping()},
    {"view", reshaping()},
    {"flatten",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(flatten(x, s.dim(1, "start_dim", 0), s.dim(2, "end_dim", -1)));
     }},
    {"permute",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(permute(x, s.extents(1, "dims")));
     }},
    {"transpose",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(transpose(x, s.dim(1, "dim0", 0), s.dim(2, "dim1", 0)));
     }},
    {"T",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(x.rank() < 2 ? reshape(x, x.shape()) : transpose(x, 0, 1));
     }},
    {"movedim", move_dims},
    {"expand",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(expand(x, expanded(x, s.extents(1, "size"))));
     }},
    {"broadcast_to",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(expand(x, expanded(x, s.extents(1, "size"))));
     }},
    {"expand_as",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(expand(x, s.var(1).shape()));
     }},
    {"select",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(select(x, s.dim(1, "dim", 0), s.integer(2, "index", 0)));
     }},
    {"narrow",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(
           narrow(x, s.dim(1, "dim", 0), s.integer(2, "start", 0), s.integer(3, "length", 0)));
     }},
    {"slice",
     [](Sample& s) {
       const Var x = s.var(0);
       const int dim = s.dim(1, "dim", 0);
       return Outputs(slice(x, dim, 0, x.size(dim)));
     }},
    {"squeeze", squeeze_some},
    {"unsqueeze",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(unsqueeze(x, s.dim(1, "dim", 0)));
     }},
    {"cat",
     [](Sample& s) {
       const std::vector<Var> parts = s.vars(0);
       return Outputs(cat(parts, s.dim(1, "dim", 0)));
     }},
    {"stack",
     [](Sample& s) {
       const std::vector<Var> parts = s.vars(0);
       return Outputs(stack(parts, s.dim(1, "dim", 0)));
     }},
    {"split",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(split(x, s.integer(1, "split_size", 1), s.dim(2, "dim", 0)));
     }},
    {"split.list_args", split_sizes},
    {"split_with_sizes", split_sizes},
    {"chunk", chunks},
    {"unbind",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(unbind(x, s.dim(1, "dim", 0)));
     }},
    {"flip",
     [](Sample& s) {
       const Var x = s.var(0);
       return Outputs(flip(x, s.extents(1, "dims")));
     }},
    {"roll", rolled},
    {"repeat", [](Sample& s) { return repeated(s, false); }},
    {"tile", [](Sample& s) { return repeated(s, true); }},
    {"tril", triangle(tril)},
    {"triu", triangle(triu)},
    {"nn.functional.pad.constant", pad_constant},
});

}  // namespace
}  // namespace cfm::conformance
