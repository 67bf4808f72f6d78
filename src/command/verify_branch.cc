#include "command/verify_branch.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "base/log.h"
#include "command/verify_history.h"
#include "event/progress.h"
#include "pipeline/table_selector.h"

namespace millrace {

namespace {

constexpr Millis kWaitMax{60000};
constexpr Millis kWaitStep{20};
constexpr Millis kSayEvery{5000};

duckdb::TargetRule target_rule(const DuckDbSinkConfig& config) {
  if (config.mode == DuckDbMode::kMirror) return duckdb::mirror_rule(config);
  return {config.schema, config.table.empty() ? "${table}_history" : config.table, true};
}

}  // namespace

Result<void> BranchVerifier::open(const std::vector<SchemaPtr>& captured) {
  Problems none;  // read_assembly() has told them
  config_ = parse_fields<DuckDbSinkConfig>(kDuckDbSinkFields, branch_.sink_settings, none);
  std::error_code error;
  if (!std::filesystem::exists(config_.file, error)) {
    return fail(ErrorKind::kNotFound, "there is no warehouse " + config_.file + " yet",
                "millrace run " + assembly_.config.file);
  }
  auto database = duckdb::Database::open(config_.file, {config_.memory_max.value, config_.threads});
  if (!database) return Failure(database.error());
  auto connection = (*database)->connect();
  if (!connection) return Failure(connection.error());
  warehouse_ = std::make_unique<duckdb::Connection>(std::move(*connection));
  auto selector = TableSelector::make(branch_.tables);
  if (!selector) return Failure(selector.error());
  const auto rule = target_rule(config_);
  std::map<std::string, int> sources;  // by target
  for (const SchemaPtr& table : captured) {
    if (selector->takes(*table)) ++sources[duckdb::target_name(rule, *table).sql()];
  }
  for (const SchemaPtr& table : captured) {
    const duckdb::TargetName target = duckdb::target_name(rule, *table);
    if (!selector->takes(*table)) continue;
    if (assembly_.source.select_overrides.contains(table->full_name())) {
      leave_out(table->full_name(),
                "snapshot.select.statement.overrides chose the rows of its snapshot");
    } else if (is_mirror() && sources[target.sql()] > 1) {
      leave_out(table->full_name(), "several tables go to " + target.text());
    } else {
      tables_.push_back(table);
      if (is_mirror()) mirrors_.emplace_back(table, target, static_cast<int>(mirrors_.size()));
    }
  }
  if (sources.empty()) leave_out("", "no table of the source goes there");
  return {};
}

void BranchVerifier::leave_out(std::string table, std::string why) {
  not_compared_.push_back({branch_.name, std::move(table), std::move(why)});
}

bool BranchVerifier::is_settled() const {
  if (!is_mirror()) return histories_checked_ || tables_.empty();
  return std::all_of(mirrors_.begin(), mirrors_.end(),
                     [](const MirrorComparison& one) { return one.is_settled(); });
}

Result<void> BranchVerifier::begin_round() {
  auto now = standing();
  if (!now) return Failure(now.error());
  before_ = *now;
  return {};
}

Result<void> BranchVerifier::pass(Lsn snapshot) {
  if (auto passed = wait_for(snapshot); !passed) return passed;
  if (!is_mirror()) return {};
  if (auto fixed = fix_what_is_seen(); !fixed) return fixed;
  auto now = standing();
  if (!now) return Failure(now.error());
  // What is seen is then what the source had at the snapshot, neither older nor newer.
  is_quiet_ = !before_.in_flight && !now->in_flight && now->events == before_.events;
  return {};
}

Result<void> BranchVerifier::compare(const SourceSnapshot& snapshot) {
  return is_mirror() ? compare_mirror(snapshot) : check_histories(snapshot);
}

Result<Standing> BranchVerifier::standing() {
  if (standing_) {
    auto now = standing_(branch_.name);
    if (now) last_ = *now;
    return now;
  }
  duckdb::Bookkeeping bookkeeping(*warehouse_, assembly_.config.name, branch_.name);
  auto progress = bookkeeping.progress();
  if (!progress) return Failure(progress.error());
  last_.durable = confirmable(*progress);
  return last_;
}

Result<void> BranchVerifier::wait_for(Lsn lsn) {
  const SteadyTime start = steady_now();
  SteadyTime say = start + kSayEvery;
  while (true) {
    auto now = standing();
    if (!now) return Failure(now.error());
    if (!standing_ || now->durable >= lsn) return {};
    const SteadyTime time = steady_now();
    if (time >= start + kWaitMax) {
      return fail(ErrorKind::kUnreachable,
                  "branch " + branch_.name + " stands at " + format_lsn(now->durable) +
                      " and did not reach " + format_lsn(lsn) + " within " +
                      std::to_string(kWaitMax.count() / 1000) + " s",
                  "see /status for what it waits for, then verify again");
    }
    if (time >= say) {
      say = time + kSayEvery;
      log::info("verify waits for the branch to pass the source's snapshot",
                {{"branch", branch_.name},
                 {"durable", format_lsn(now->durable)},
                 {"snapshot", format_lsn(lsn)}});
    }
    std::this_thread::sleep_for(kWaitStep);
  }
}

// Asked at every batch of rows: a long comparison ends with the pipeline.
GoOn BranchVerifier::while_it_runs() {
  return [this]() -> Result<void> {
    if (!standing_) return {};
    auto now = standing_(branch_.name);
    if (!now) return Failure(now.error());
    return {};
  };
}

// A transaction of DuckDB sees the file as of when it first touches it: the nearer to the source's
// snapshot, the fewer rows differ because they changed between.
Result<void> BranchVerifier::fix_what_is_seen() {
  if (auto begun = warehouse_->begin(); !begun) return begun;
  auto touched = warehouse_->query("SELECT count(*) FROM duckdb_tables()");
  if (!touched) return Failure(touched.error());
  return {};
}

Result<void> BranchVerifier::compare_mirror(const SourceSnapshot& snapshot) {
  for (MirrorComparison& one : mirrors_) {
    if (one.is_settled()) continue;
    auto done = one.compare(*warehouse_, assembly_.source, snapshot, is_quiet_, while_it_runs());
    if (!done) return done;
  }
  return warehouse_->commit();
}

// The branch's first statement whose tables have this one.
Result<std::optional<std::string>> BranchVerifier::statement_for(const TableSchema& table) const {
  for (const auto& [pattern, sql] : branch_.sql) {
    if (pattern.empty()) return sql;
    auto selector = TableSelector::make({pattern});
    if (!selector) return Failure(selector.error());
    if (selector->takes(table)) return sql;
  }
  return std::nullopt;
}

// A history only grows, so what is not there now is missing.
Result<void> BranchVerifier::check_histories(const SourceSnapshot& snapshot) {
  for (const SchemaPtr& table : tables_) {
    auto sql = statement_for(*table);
    if (!sql) return Failure(sql.error());
    const HistoryCheck check{table, duckdb::target_name(target_rule(config_), *table), *sql};
    auto checked = check_history(*warehouse_, check, assembly_.source, snapshot, while_it_runs());
    if (checked) {
      done_.push_back(std::move(*checked));
    } else if (checked.error().kind == ErrorKind::kNotFound) {
      leave_out(table->full_name(), checked.error().text());
    } else {
      return Failure(checked.error());
    }
  }
  histories_checked_ = true;
  return {};
}

Result<void> BranchVerifier::finish(VerifyReport& report) {
  for (MirrorComparison& one : mirrors_) {
    auto table = one.report(*warehouse_);
    if (!table) return Failure(table.error());
    done_.push_back(std::move(*table));
  }
  if (!standing_ && !done_.empty()) report.notes.push_back(where_it_stands(report));
  for (VerifiedTable& table : done_) {
    table.branch = branch_.name;
    report.tables.push_back(std::move(table));
  }
  for (NotCompared& item : not_compared_)
    report.not_compared.push_back(std::move(item));
  return {};
}

// Nothing runs, so the source may have moved on.
std::string BranchVerifier::where_it_stands(const VerifyReport& report) const {
  std::string out = "nothing is running: branch " + branch_.name;
  out += last_.durable == 0
             ? " has not completed its first snapshot"
             : " stands at " + format_lsn(last_.durable) + ", the source at " + report.lsn;
  const bool is_equal = std::all_of(done_.begin(), done_.end(),
                                    [](const VerifiedTable& table) { return table.equal(); });
  if (!is_equal) {
    out += "; what the source changed since is among the differences: millrace run " +
           assembly_.config.file + ", then verify again";
  }
  return out;
}

}  // namespace millrace
