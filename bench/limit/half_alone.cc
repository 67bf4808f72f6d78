// half_alone walsender | sink EVENTS FILE [--to SINK] [--set key=value …]: one half of a pipeline,
// the other left out.
//   walsender  reads the slot's stream until it has had so many rows, and throws it away
//   sink       has the changes in memory, converted where the sink takes records, and writes them
// FILE and the rest are as for `millrace run`. Prints a line of JSON to standard error (the other
// is a sink's): seconds and processor seconds.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "assembly.h"
#include "source/postgres/postgres_source.h"
#include "source/postgres/replication_stream.h"
#include "source/postgres/session.h"

namespace millrace {

namespace {

constexpr Millis kPatience{60000};
constexpr Millis kTurn{50};
constexpr size_t kPlenty = size_t{8} << 30;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "half_alone: %s\n", why.c_str());
  std::_Exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Stopwatch {
 public:
  void print(size_t events) const {
    const std::chrono::duration<double> took = steady_now() - begin_;
    std::fprintf(stderr, "{\"seconds\": %.3f, \"cpu_s\": %.2f, \"events\": %zu}\n", took.count(),
                 cpu_seconds() - cpu_, events);
  }

 private:
  static double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }

  SteadyTime begin_ = steady_now();
  double cpu_ = cpu_seconds();
};

bool is_row(const StreamMessage& message) {
  if (message.keepalive || message.payload.empty()) return false;
  const char kind = message.payload.front();
  return kind == 'I' || kind == 'U' || kind == 'D';
}

void walsender(const Assembly& assembly, size_t events) {
  StreamOptions options;
  options.slot = assembly.source.slot_name;
  options.publication = assembly.source.publication_name;
  options.binary = assembly.source.stream_binary != StreamBinary::kOff;
  auto connection = must(open_replication_connection(assembly.source));
  const Stopwatch watch;
  auto stream = must(ReplicationStream::start(std::move(connection), options));
  for (size_t rows = 0; rows < events;) {
    const auto message = must(stream.read(steady_now() + kPatience));
    if (!message) die("no row for a minute");
    if (is_row(*message)) ++rows;
  }
  watch.print(events);
}

std::vector<BatchPtr> read_all(const Assembly& assembly, size_t events, MemoryBudget& budget) {
  auto source = must(make_postgres_source({.config = assembly.source, .budget = &budget}));
  BranchProgress fresh;
  fresh.branch = assembly.config.branches.front().name;
  must(source->open({&fresh, 1}));
  std::vector<BatchPtr> out;
  for (size_t had = 0; had < events;) {
    auto batch = must(source->poll(steady_now() + kTurn, 0));
    if (!batch) continue;
    batch->seq = out.size() + 1;
    had += batch->changes.size();
    out.push_back(std::move(batch));
  }
  must(source->close());
  return out;
}

void sink(const Assembly& assembly, size_t events) {
  MemoryBudget budget(kPlenty);
  auto branch = must(build_branch(assembly, assembly.config.branches.front(), budget));
  std::vector<BatchView> views;
  for (const BatchPtr& batch : read_all(assembly, events, budget)) {
    BatchView view{batch, batch->changes, {}, {}};
    if (branch.parts.converter != nullptr) must(branch.parts.converter->convert(view));
    views.push_back(std::move(view));
  }
  Sink& to = *branch.parts.sink;
  must(to.open());
  const Stopwatch watch;
  for (BatchView& view : views) {
    for (;;) {
      const auto written = to.write(view);
      if (written) break;
      if (written.error().kind != ErrorKind::kBusy) die(written.error().text());
      must(to.poll(steady_now() + kTurn));
    }
    must(to.poll(steady_now()));
  }
  while (must(to.drain(steady_now() + kTurn)).durable_seq < views.size()) {
  }
  watch.print(events);
}

}  // namespace

int half_alone(std::vector<std::string> arguments) {
  if (arguments.size() < 3)
    die("usage: half_alone walsender|sink EVENTS FILE [--to SINK] [--set key=value …]");
  const size_t events = std::stoul(arguments[1]);
  RunOptions run{.file = arguments[2], .to = {}, .set = {}};
  for (size_t i = 3; i + 1 < arguments.size(); i += 2) {
    const std::string& value = arguments[i + 1];
    const size_t equals = value.find('=');
    if (arguments[i] == "--to")
      run.to = value;
    else
      run.set.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  }
  Problems problems;
  const Assembly assembly = read_assembly(run, problems);
  if (has_errors(problems)) die(problems.front().key + ": " + problems.front().message);
  if (arguments[0] == "walsender")
    walsender(assembly, events);
  else
    sink(assembly, events);
  return 0;
}

}  // namespace millrace

int main(int count, char** arguments) {
  return millrace::half_alone({arguments + 1, arguments + count});
}
