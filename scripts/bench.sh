#!/usr/bin/env bash
# Builds the benchmarks and races every kernel family against the peers that are installed.
#   scripts/bench.sh [--quick] [--json FILE] [--isa avx2] [FILTER]
#     --quick      fewer, shorter rounds
#     --json FILE  also writes the rows as JSON
#     --isa avx2   holds both sides to AVX2; ONNX Runtime, which cannot be held, is left out
#     FILTER       only workloads whose name and shape contain it
# Peers: OpenBLAS, BLIS, oneDNN (apt: libopenblas0 libblis4 libdnnl2), Eigen; PyTorch and ONNX Runtime if
# the python3 on the PATH, or the one that CFM_BENCH_PYTHON names, has torch, or onnxruntime and onnx;
# ggml if the loader finds libggml-cpu.so, or CFM_BENCH_GGML names it (built for the same instruction set).
source "$(dirname "$0")/common.sh"

quick="" json="" isa="" filter=""
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=--quick ;;
    --json) json=$(realpath -m "${2:?}"); shift ;;
    --isa) isa=${2:?}; shift ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) filter=$1 ;;
  esac
  shift
done

# shellcheck disable=SC2086  # the list is words
need_packages $build_packages
if [ -n "$isa" ]; then
  [ "$isa" = avx2 ] || die "--isa takes avx2"
  export CFM_ISA=avx2 OPENBLAS_CORETYPE=Haswell BLIS_ARCH_TYPE=3 ONEDNN_MAX_CPU_ISA=AVX2
  export ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 LIBXSMM_TARGET=hsw
fi

python=${CFM_BENCH_PYTHON:-python3}
can() { command -v "$python" >/dev/null && "$python" -c "import $1" 2>/dev/null; }
torch="" ort=""
! can torch || torch=yes
[ -n "$isa" ] || ! can "onnx, onnxruntime" || ort=yes
# The processes that a program asks, as CFM_BENCH_PEERS names them.
peers() {
  case "$1" in
    spmm | graph_attention | hoga) printf '%s' "${torch:+$python $root/bench/peer_graph.py}" ;;
    levels) printf '%s' "${torch:+$python $root/bench/levels_torch.py}" ;;
    *) printf '%s' "${torch:+$python $root/bench/peer_torch.py;}${ort:+$python $root/bench/peer_ort.py}" ;;
  esac
}

programs="products attention decode rows transformer spmm graph_attention levels hoga"
# shellcheck disable=SC2086  # the list is words
build_preset bench $programs >build/bench-build.log 2>&1 ||
  { tail -n 30 build/bench-build.log; die "the benchmarks do not build"; }

rows=build/bench/rows
rm -rf "$rows"
mkdir -p "$rows"
failed=""
for program in $programs; do
  # shellcheck disable=SC2086  # no word if it is not wanted
  CFM_BENCH_PEERS=$(peers "$program") "build/bench/bench/$program" $quick --json "$rows/$program.jsonl" "$filter" || failed="$failed $program"
done
python3 scripts/bench_report.py "$rows" --json "${json:-build/bench/bench.json}" --svg out/roofline.svg
[ -z "$failed" ] || die "failed:$failed"
