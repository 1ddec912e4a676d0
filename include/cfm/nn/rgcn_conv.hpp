#pragma once
/// @file  Relational graph convolution: a weight for each type of edge.

#include <optional>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/graph/relations.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

/// What RgcnConv is told.
struct RgcnOptions {
  Index bases = 0;   ///< weights are mixtures of this many; 0: each type has its own
  bool root = true;  ///< a weight for the node itself
  bool bias = true;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = x[v] root + sum over types r of (mean of x[u] over the neighbours u of type r) W_r +
/// bias,  W_r = weight[r], or with bases: sum over b of comp[r, b] weight[b].
/// Shapes:  x [nodes, in]  ->  [nodes, out].
/// Names:   weight [types or bases, in, out], comp [types, bases], root [in, out], bias, as in
///          PyG's RGCNConv.
/// Source:  M. Schlichtkrull et al., "Modeling relational data with graph convolutional networks",
///          ESWC 2018, eq. (2) and (3).
class RgcnConv {
 public:
  RgcnConv(Index in, Index out, Index types, Init init = {}, const RgcnOptions& options = {})
      : in_(in), out_(out), types_(types) {
    CFM_CHECK(in >= 1 && out >= 1 && types >= 1 && options.bases >= 0,
              "rgcn_conv: in, out and types are at least 1", in, out, types, options.bases);
    const auto draw = [&](const Shape& shape) { return xavier_uniform(shape, init.next()); };
    const Index matrices = options.bases > 0 ? options.bases : types;
    weight.value = xavier_uniform({matrices, in, out}, init.next());
    if (options.bases > 0) comp = Parameter{draw({types, options.bases})};
    if (options.root) root = Parameter{draw({in, out})};
    if (options.bias) bias = Parameter{init.constant({out}, 0)};
  }

  Var operator()(const Relations& relations, const Var& x) const {
    CFM_CHECK(relations.count() == types_, "rgcn_conv: other types of edges", relations.count(),
              types_);
    Var matrices = bind(x, weight);
    if (comp)
      matrices = matmul(bind(x, *comp), reshape(matrices, {matrices.size(0), in_ * out_}));
    Var y = matmul(aggregate_mean(relations, x), reshape(matrices, {types_ * in_, out_}));
    if (root) y = y + matmul(x, bind(x, *root));
    return bias ? y + bind(x, *bias) : y;
  }
  Var operator()(const Neighbours& graph, const Var& x) const {
    return (*this)(Relations(graph, types_), x);
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("comp", self.comp);
    v("root", self.root);
    v("bias", self.bias);
  }

  Parameter weight;
  std::optional<Parameter> comp, root, bias;

 private:
  Index in_, out_, types_;
};

CFM_ISA_NAMESPACE_END
