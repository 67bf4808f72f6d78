// passes STREAM decode|json|json_schemas N: N passes over a recorded stream by one stage of the hot
// path. Prints events and allocations of the second half of the passes. For
// tests/e2e/test_hot_path.py, which runs it under callgrind too.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include "bench/micro/hot_path.h"

namespace {

size_t allocations = 0;

}  // namespace

void* operator new(size_t bytes) {
  ++allocations;
  if (void* out = std::malloc(bytes)) return out;
  std::abort();
}

void operator delete(void* at) noexcept {
  std::free(at);
}

void operator delete(void* at, size_t) noexcept {
  std::free(at);
}

int main(int argc, char** argv) {
  using namespace millrace::bench;
  if (argc != 4) return 2;
  const std::string_view stage = argv[2];
  const long passes = std::atol(argv[3]);
  HotPath path(argv[1]);
  const auto converter = json(stage == "json_schemas");
  const auto batches = path.decode();
  size_t before = 0;
  for (long pass = 0; pass < passes; ++pass) {
    if (pass == passes / 2) before = allocations;
    if (stage == "decode") {
      if (path.decode().empty()) return 1;
    } else if (encode(batches, *converter) == 0) {
      return 1;
    }
  }
  std::printf("%zu events %zu allocations\n",
              path.events() * static_cast<size_t>(passes - passes / 2), allocations - before);
  return 0;
}
