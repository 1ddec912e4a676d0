#!/usr/bin/env python3
"""ONNX Runtime as a peer of the benchmarks (bench/remote.hpp): one thread, one request a line.

    CFM_BENCH_PEERS="python3 bench/peer_ort.py" build/bench/bench/products

Needs onnx and onnxruntime. Constant weights are packed when the session is made, as in a model that is
deployed.
"""
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from peer import release, serve

random = np.random.default_rng(1)


def normals(*shape):
    return random.standard_normal(shape, dtype=np.float32)


def session(nodes, inputs, constants, domains=()):
    """A model of these nodes, whose last output is `y`; returns a call without copies of inputs."""
    def info(name, value):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, None if value is None else value.shape)
    graph = helper.make_graph(
        nodes, "peer", [info(k, v) for k, v in inputs.items()], [info("y", None)],
        [onnx.numpy_helper.from_array(v, k) for k, v in constants.items()])
    opsets = [helper.make_opsetid("", 21)] + [helper.make_opsetid(d, 1) for d in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    made = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    binding = made.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value))
    binding.bind_output("y")
    return lambda: made.run_with_iobinding(binding)


def matmul(m, n, k, transposed=False, packed=False):
    # A constant right-hand side is packed beforehand; a transposed one is a weight, so it is constant.
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    b = {"b": normals(k, n)}
    if packed or transposed:
        return session([node], {"a": normals(m, k)}, b)
    return session([node], {"a": normals(m, k), **b}, {})


def attention(batch, heads, n, width, causal=False, train=False, keys=None, kv_heads=None):
    if train or keys or kv_heads:
        raise KeyError("attention")
    node = helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft",
                            num_heads=heads, unidirectional=int(causal))
    return session([node], {x: normals(batch, n, heads * width) for x in "qkv"}, {}, ["com.microsoft"])


def rows(kind, rows, n, train=False):
    if train:
        raise KeyError(kind)
    w = {"w": normals(n), "b": normals(n)}
    node, constants = {
        "softmax": (helper.make_node("Softmax", ["x"], ["y"], axis=-1), {}),
        "log_softmax": (helper.make_node("LogSoftmax", ["x"], ["y"], axis=-1), {}),
        "layer_norm": (helper.make_node("LayerNormalization", ["x", "w", "b"], ["y"]), w),
        "gelu": (helper.make_node("Gelu", ["x"], ["y"]), {}),
        "gelu_tanh": (helper.make_node("Gelu", ["x"], ["y"], approximate="tanh"), {}),
        "tanh": (helper.make_node("Tanh", ["x"], ["y"]), {}),
        "exp": (helper.make_node("Exp", ["x"], ["y"]), {}),
        "transpose": (helper.make_node("Transpose", ["x"], ["y"]), {}),
    }[kind]
    return session([node], {"x": normals(rows, n)}, constants)


MAKERS = {"matmul": matmul, "attention": attention, "rows": rows}

if __name__ == "__main__":
    serve("ONNX Runtime " + release(ort.__version__), MAKERS)
