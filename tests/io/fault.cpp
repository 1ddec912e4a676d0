// Memory runs out at the k-th allocation, for every k: readers and writers throw, leave what was
// there as it was, and work the next time. A leak is the sanitizer's to report.

#include <cstdlib>
#include <new>

#include <cfm/io/json.hpp>
#include <cfm/io/npy.hpp>
#include <cfm/io/safetensors.hpp>
#include <cfm/io/torch_zip.hpp>

#include "../test.hpp"
#include "torch_writer.hpp"

namespace {

thread_local long allocations_left = -1;  // negative: no limit

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (allocations_left == 0) return nullptr;
  if (allocations_left > 0) --allocations_left;
  return alignment <= alignof(std::max_align_t)
             ? std::malloc(bytes)
             : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  if (void* memory = allocate(bytes == 0 ? 1 : bytes, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// Not inlined, or GCC warns of malloc and delete, which it then takes for a mismatch.
__attribute__((noinline)) void* operator new(std::size_t bytes) {
  return allocate_or_throw(bytes, 1);
}
__attribute__((noinline)) void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
__attribute__((noinline)) void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, 1);
}
__attribute__((noinline)) void* operator new(std::size_t bytes, std::align_val_t alignment,
                                             const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void* memory, std::size_t,
                                               std::align_val_t) noexcept {
  std::free(memory);
}

using namespace cfm;
namespace fs = std::filesystem;

namespace {

// Runs action with 0, 1, 2 ... allocations until it succeeds; check() after each failure.
template <class Action, class Check>
long exhaust(const Action& action, const Check& check) {
  for (long k = 0;; ++k) {
    REQUIRE(k < 100000);
    BufferPool::instance().trim();  // or it would answer from what it keeps
    bool failed = false;
    allocations_left = k;
    try {
      action();
    } catch (const std::bad_alloc&) {
      failed = true;
    } catch (const Error&) {
      failed = true;
    }
    allocations_left = -1;
    check();
    if (!failed) return k;
  }
}

}  // namespace

TEST_CASE("fault: every allocation of every reader and writer may fail") {
  const fs::path folder = fs::temp_directory_path() / concat("cfm-fault-", ::getpid());
  fs::create_directory(folder);
  const std::vector<std::pair<std::string, Tensor>> tensors = {
      {"a", Tensor::of<float>({1, 2, 3})},
      {"a longer name than a short string holds", Tensor::of<std::int64_t>({4, 5}).unsqueeze(0)}};
  const SafetensorsMetadata metadata = {{"format", "a value longer than a short string"}};
  const auto none = [] {};
  const auto files = [&] { return std::distance(fs::directory_iterator(folder), {}); };

  const auto safetensors = safetensors_bytes(tensors, metadata);
  const fs::path path = folder / "file";
  write_file_atomic(path, "the old bytes");
  const auto old_is_there = [&] {
    CHECK(files() == 1);
    const std::string now = read_text_file(path);
    const bool whole = now == "the old bytes" || now == as_text(safetensors);
    CHECK(whole);
  };
  CHECK(exhaust([&] { write_safetensors(path, tensors, metadata); }, old_is_there) > 5);
  CHECK(read_file(path) == safetensors);
  CHECK(exhaust([&] { read_safetensors(path); }, none) > 5);
  CHECK(exhaust([&] { read_safetensors(path, {.map = true}); }, none) > 5);

  CHECK(exhaust([&] { write_npz(path, tensors); }, [&] { CHECK(files() == 1); }) > 5);
  CHECK(exhaust([&] { read_npz(path); }, none) > 5);
  CHECK(exhaust([&] { write_npy(path, tensors[0].second); }, [&] { CHECK(files() == 1); }) > 5);
  CHECK(exhaust([&] { read_npy(path); }, none) > 2);

  std::vector<std::byte> checkpoint;
  REQUIRE(test::write_state_dict(tensors, checkpoint));
  write_file_atomic(path, checkpoint);
  CHECK(exhaust([&] { read_torch(path); }, none) > 5);

  const std::string text = R"({"a":[1,2.5,"a string longer than a short one",null],"b":{"c":{}}})";
  Json target;
  CHECK(exhaust(
            [&] {
              Json value = parse_json(text).value;
              for (int i = 0; i < 20; ++i) value.set(concat("key number ", i, " of the loop"), i);
              target = std::move(value);
            },
            [&] { CHECK((target == Json() || target.get_if<JsonObject>()->size() == 22)); }) > 20);
  CHECK(exhaust([&] { write_json(path, target, {.indent = 1}); }, [&] { CHECK(files() == 1); }) >
        5);
  CHECK(read_json(path).value == target);
  fs::remove_all(folder);
}
