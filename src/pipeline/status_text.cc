#include "pipeline/status_text.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <fstream>

#include "base/json_text.h"
#include "event/progress.h"
#include "pipeline/snapshot_text.h"

namespace millrace {

namespace {

// Resident memory of this process in bytes (/proc/self/statm, second number, in pages).
size_t resident_bytes() {
  constexpr size_t kPageBytes = 4096;
  std::ifstream statm("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * kPageBytes;
}

std::string branch_json(const PipelineStatus& status, const BranchStatus& branch) {
  return fmt::format(
      R"({{"name":{},"state":"{}","parked":{},"catching_up":{},"given_up":{},"error":{},"events":{},"batches_held":{},"bytes_held":{},)"
      R"("durable_lsn":"{}","lag_bytes":{},"lag_ms":{},"retained_wal_bytes":{},"dead_letters":{}}})",
      json_quoted(branch.name), name(branch.state), branch.parked, branch.catching_up,
      branch.given_up, json_quoted(branch.error), branch.events, branch.batches_held,
      branch.bytes_held, format_lsn(confirmable(branch.durable)), lag_bytes(status, branch),
      lag_ms(status, branch), retained_wal_bytes(status, branch), branch.dead_letters);
}

using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  void add(const std::string& name, const std::string& help, MetricType type, Labels labels,
           double value) {
    auto found = std::find_if(all_.begin(), all_.end(),
                              [&](const MetricFamily& f) { return f.name == name; });
    if (found == all_.end()) found = all_.insert(all_.end(), MetricFamily{name, help, type, {}});
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    found->metric.push_back(std::move(metric));
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  std::vector<MetricFamily> all_;
};

void add_branch(Families& out, const PipelineStatus& status, const BranchStatus& branch) {
  const Families::Labels labels{{"pipeline", status.name}, {"branch", branch.name}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.add(name, help, MetricType::Gauge, labels, value);
  };
  out.add("millrace_branch_events_total", "Changes made durable.", MetricType::Counter, labels,
          static_cast<double>(branch.events));
  gauge("millrace_branch_up", "1 while the branch is running.",
        branch.state == BranchState::kRunning);
  gauge("millrace_branch_parked", "1 while the others go on without it.", branch.parked);
  gauge("millrace_branch_catching_up", "1 while it catches up on a copy of the slot.",
        branch.catching_up);
  gauge("millrace_branch_given_up", "1 while the slot moves on without it (branch.lag.max.bytes).",
        branch.given_up);
  gauge("millrace_branch_retained_wal_bytes", "WAL that the slot may not let go for this branch.",
        static_cast<double>(retained_wal_bytes(status, branch)));
  gauge("millrace_branch_lag_bytes", "WAL written and not yet durable in this branch.",
        static_cast<double>(lag_bytes(status, branch)));
  gauge("millrace_branch_lag_ms", "Age of the newest durable change while there is a lag in bytes.",
        static_cast<double>(lag_ms(status, branch)));
  gauge("millrace_branch_dead_letters", "Refused changes that wait for a replay.",
        static_cast<double>(branch.dead_letters));
  gauge("millrace_branch_held_bytes", "Bytes of batches handed over and not yet durable.",
        static_cast<double>(branch.bytes_held));
  gauge("millrace_branch_durable_lsn", "Up to here the slot may move for this branch.",
        static_cast<double>(confirmable(branch.durable)));
}

void add_snapshot(Families& out, const PipelineStatus& status, const TableSnapshotStatus& table) {
  const Families::Labels labels{{"pipeline", status.name}, {"table", table.table}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.add(name, help, MetricType::Gauge, labels, value);
  };
  gauge("millrace_snapshot_table_rows", "Rows read of a table whose snapshot is being read.",
        static_cast<double>(table.rows));
  gauge("millrace_snapshot_table_bytes", "Bytes read of it.", static_cast<double>(table.bytes));
  if (table.rows_expected < 0) return;
  gauge("millrace_snapshot_table_rows_expected", "Rows that the server guesses it has.",
        static_cast<double>(table.rows_expected));
}

}  // namespace

Lsn lag_bytes(const PipelineStatus& status, const BranchStatus& branch) {
  const Lsn durable = confirmable(branch.durable);
  return durable == 0 || status.source.server_lsn <= durable ? 0
                                                             : status.source.server_lsn - durable;
}

Lsn retained_wal_bytes(const PipelineStatus& status, const BranchStatus& branch) {
  if (branch.given_up) return 0;
  const Lsn durable = confirmable(branch.durable);
  const Lsn from = durable != 0 ? durable : status.source.confirmed_lsn;
  return from == 0 || status.source.server_lsn <= from ? 0 : status.source.server_lsn - from;
}

int64_t lag_ms(const PipelineStatus& status, const BranchStatus& branch) {
  const bool behind = branch.batches_held > 0 || branch.parked || !status.source_error.empty();
  if (!behind || branch.commit_us == 0 || lag_bytes(status, branch) == 0) return 0;
  return std::max<int64_t>(0, unix_now_ms() - branch.commit_us / 1000);
}

std::string status_json(const PipelineStatus& status) {
  std::string branches;
  for (const BranchStatus& branch : status.branches) {
    branches += (branches.empty() ? "" : ",") + branch_json(status, branch);
  }
  std::string snapshots;
  for (const TableSnapshotStatus& table : status.source.snapshot_tables)
    snapshots += (snapshots.empty() ? "" : ",") + snapshot_json(table);
  return fmt::format(
      R"({{"name":{},"healthy":{},"source":{{"phase":"{}","detail":{},"error":{},"server_lsn":"{}","confirmed_lsn":"{}",)"
      R"("snapshot_rows":{},"snapshot_tables":[{}]}},"events":{},"reconnects":{},"memory":{{"used":{},"max":{},"resident":{}}},"branches":[{}]}})",
      json_quoted(status.name), status.healthy(), status.source.phase,
      json_quoted(status.source.detail), json_quoted(status.source_error),
      format_lsn(status.source.server_lsn), format_lsn(status.source.confirmed_lsn),
      status.source.snapshot_rows, snapshots, status.events, status.reconnects, status.memory_used,
      status.memory_max, resident_bytes(), branches);
}

std::string metrics_text(const PipelineStatus& status) {
  Families out;
  const Families::Labels labels{{"pipeline", status.name}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.add(name, help, MetricType::Gauge, labels, value);
  };
  const auto counter = [&](const char* name, const char* help, double value) {
    out.add(name, help, MetricType::Counter, labels, value);
  };
  counter("millrace_source_events_total", "Changes read from the source.",
          static_cast<double>(status.events));
  counter("millrace_source_reconnects_total", "Times that the source was lost.",
          static_cast<double>(status.reconnects));
  counter("millrace_snapshot_rows_total", "Rows read by snapshots.",
          static_cast<double>(status.source.snapshot_rows));
  for (const TableSnapshotStatus& table : status.source.snapshot_tables)
    add_snapshot(out, status, table);
  gauge("millrace_source_up", "1 while connected.", status.source_error.empty());
  gauge("millrace_source_server_lsn", "End of WAL as the server last said.",
        static_cast<double>(status.source.server_lsn));
  gauge("millrace_source_confirmed_lsn", "Last LSN confirmed to the slot.",
        static_cast<double>(status.source.confirmed_lsn));
  const Lsn lag =
      status.source.server_lsn > status.source.confirmed_lsn && status.source.confirmed_lsn != 0
          ? status.source.server_lsn - status.source.confirmed_lsn
          : 0;
  gauge("millrace_slot_lag_bytes", "WAL that the server keeps for the slot.",
        static_cast<double>(lag));
  gauge("millrace_memory_used_bytes", "Bytes charged to memory.max.",
        static_cast<double>(status.memory_used));
  gauge("millrace_memory_max_bytes", "memory.max.", static_cast<double>(status.memory_max));
  gauge("process_resident_memory_bytes", "Resident memory of the process.",
        static_cast<double>(resident_bytes()));
  for (const BranchStatus& branch : status.branches)
    add_branch(out, status, branch);
  return out.text();
}

}  // namespace millrace
