#include "command/report.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "pipeline/snapshot_text.h"
#include "pipeline/status_text.h"

namespace millrace {

namespace {

constexpr Millis kReportEvery{10000};
constexpr Millis kDrawEvery{1000};

void log_progress(const PipelineStatus& status, uint64_t events_before) {
  Lsn lag = 0;
  for (const BranchStatus& branch : status.branches)
    lag = std::max(lag, lag_bytes(status, branch));
  log::info("progress", {{"phase", status.source.phase},
                         {"events", status.events},
                         {"events_per_s", (status.events - events_before) * 1000 /
                                              static_cast<uint64_t>(kReportEvery.count())},
                         {"snapshot_rows", status.source.snapshot_rows},
                         {"lag_bytes", lag},
                         {"memory_used", status.memory_used}});
  for (const TableSnapshotStatus& table : status.source.snapshot_tables) {
    const auto left = seconds_left(table);
    log::info("snapshot", {{"table", table.table},
                           {"rows", table.rows},
                           {"of_about", table.rows_expected},
                           {"bytes", table.bytes},
                           {"rows_per_s", rows_per_second(table)},
                           {"seconds_left", left ? std::to_string(*left) : "unknown"}});
  }
}

std::string status_line(const SourceStatus& source) {
  std::string out;
  for (const TableSnapshotStatus& table : source.snapshot_tables)
    out += (out.empty() ? "" : " | ") + progress_bar(table);
  return out;
}

}  // namespace

void report_progress(const Pipeline& pipeline, std::stop_token stop) {
  uint64_t events_before = 0;
  const bool draws = ::isatty(STDERR_FILENO) == 1;
  auto next = steady_now() + kReportEvery;
  auto draw = steady_now() + kDrawEvery;
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(Millis(100));
    const SteadyTime now = steady_now();
    const bool draws_now = draws && now >= draw;
    if (now < next && !draws_now) continue;
    const PipelineStatus status = pipeline.status();
    if (now >= next) {
      next += kReportEvery;
      log_progress(status, events_before);
      events_before = status.events;
    }
    if (!draws_now) continue;
    draw = now + kDrawEvery;
    log::draw_status(status_line(status.source));
  }
  if (draws) log::draw_status("");
}

}  // namespace millrace
