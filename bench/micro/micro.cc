// Nanoseconds and bytes a second of each stage of the hot path: scripts/bench micro
#include <benchmark/benchmark.h>

#include <map>
#include <thread>

#include "base/hand_over_queue.h"
#include "bench/micro/hot_path.h"
#include "wire/kafka/murmur2.h"

namespace millrace::bench {

namespace {

HotPath& stream(const std::string& name) {
  static std::map<std::string, HotPath> known;
  return known.try_emplace(name, MILLRACE_STREAMS "/" + name + ".stream").first->second;
}

// `bytes`: of one pass over the stream.
void tell(benchmark::State& state, const HotPath& path, size_t bytes) {
  const auto passes = static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(passes * static_cast<double>(bytes)));
  state.counters["event"] =
      benchmark::Counter(passes * static_cast<double>(path.events()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void decode(benchmark::State& state, const std::string& name) {
  HotPath& path = stream(name);
  for (auto _ : state)
    benchmark::DoNotOptimize(path.decode());
  tell(state, path, path.bytes());
}

void encode_json(benchmark::State& state, const std::string& name, bool schemas) {
  HotPath& path = stream(name);
  const auto batches = path.decode();
  const auto converter = json(schemas);
  size_t bytes = 0;
  for (auto _ : state)
    bytes = encode(batches, *converter);
  tell(state, path, bytes);
}

void murmur2_of_a_key(benchmark::State& state) {
  const std::string key = R"({"id":"c4ca4238-a0b9-2382-0dcc-509a6f75849b"})";
  for (auto _ : state)
    benchmark::DoNotOptimize(kafka::murmur2(key));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * key.size()));
}

// From one thread to another and back: twice what a batch pays.
void hand_over_there_and_back(benchmark::State& state) {
  HandOverQueue<BatchPtr> there;
  HandOverQueue<BatchPtr> back;
  const auto soon = [] { return steady_now() + std::chrono::seconds(1); };
  const std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto batch = there.pop(soon())) back.push(std::move(*batch));
    }
  });
  const auto batch = std::make_shared<const Batch>(nullptr);
  for (auto _ : state) {
    there.push(batch);
    while (!back.pop(soon())) {
    }
  }
}

BENCHMARK_CAPTURE(decode, inventory, "inventory");
BENCHMARK_CAPTURE(decode, wide, "wide");
BENCHMARK_CAPTURE(decode, inventory_binary, "inventory_binary");
BENCHMARK_CAPTURE(decode, wide_binary, "wide_binary");
BENCHMARK_CAPTURE(encode_json, inventory, "inventory", false);
BENCHMARK_CAPTURE(encode_json, inventory_schemas, "inventory", true);
BENCHMARK_CAPTURE(encode_json, wide, "wide", false);
BENCHMARK_CAPTURE(encode_json, wide_schemas, "wide", true);
BENCHMARK(murmur2_of_a_key);
BENCHMARK(hand_over_there_and_back)->UseRealTime();

}  // namespace

}  // namespace millrace::bench

BENCHMARK_MAIN();
