#include "command/verify_warehouse.h"

#include <algorithm>

#include "source/postgres/catalogue.h"
#include "source/postgres/catalogue_lookup.h"

namespace millrace {

namespace {

// By chance, a row may come and go in the same way from one round to the next.
constexpr int kRounds = 4;

Result<std::vector<SchemaPtr>> read_tables(const PostgresConfig& config) {
  auto filter = TableFilter::make(config);
  if (!filter) return Failure(filter.error());
  auto connection = open_query_connection(config);
  if (!connection) return Failure(connection.error());
  auto tables = captured_tables(*connection, *filter, config);
  if (!tables) return Failure(tables.error());
  std::vector<SchemaPtr> out;
  for (TableSchema& table : *tables)
    out.push_back(std::make_shared<const TableSchema>(std::move(table)));
  return out;
}

Result<std::vector<const BranchConfig*>> choose_branches(const PipelineConfig& config,
                                                         std::string_view name,
                                                         VerifyReport& report) {
  std::vector<const BranchConfig*> out;
  bool is_known = name.empty();
  for (const BranchConfig& branch : config.branches) {
    if (!name.empty() && branch.name != name) continue;
    is_known = true;
    if (branch.sink == "duckdb") {
      out.push_back(&branch);
    } else {
      report.not_compared.push_back(
          {branch.name, "", "verify cannot read what a " + branch.sink + " sink has delivered"});
    }
  }
  if (is_known) return out;
  return fail(ErrorKind::kConfig, "the pipeline has no branch '" + std::string(name) + "'");
}

using Verifiers = std::vector<std::unique_ptr<BranchVerifier>>;

// All branches under one snapshot.
Result<Lsn> run_round(const PostgresConfig& config, const std::vector<BranchVerifier*>& open) {
  for (BranchVerifier* branch : open) {
    if (auto done = branch->begin_round(); !done) return Failure(done.error());
  }
  auto snapshot = SourceSnapshot::take(config);
  if (!snapshot) return Failure(snapshot.error());
  for (BranchVerifier* branch : open) {
    if (auto done = branch->pass(snapshot->lsn()); !done) return Failure(done.error());
  }
  for (BranchVerifier* branch : open) {
    if (auto done = branch->compare(*snapshot); !done) return Failure(done.error());
  }
  return snapshot->lsn();
}

Result<void> run_rounds(const PostgresConfig& config, const Verifiers& verifiers,
                        VerifyReport& report) {
  for (int round = 1; round <= kRounds; ++round) {
    std::vector<BranchVerifier*> open;
    for (const auto& one : verifiers) {
      if (!one->is_settled()) open.push_back(one.get());
    }
    if (open.empty()) return {};
    auto lsn = run_round(config, open);
    if (!lsn) return Failure(lsn.error());
    report.lsn = format_lsn(*lsn);
  }
  return {};
}

}  // namespace

Result<VerifyReport> verify_warehouse(const Assembly& assembly, std::string_view branch,
                                      const StandingOf& standing) {
  const SteadyTime start = steady_now();
  VerifyReport report;
  auto chosen = choose_branches(assembly.config, branch, report);
  if (!chosen) return Failure(chosen.error());
  auto tables = read_tables(assembly.source);
  if (!tables) return Failure(tables.error());
  Verifiers verifiers;
  for (const BranchConfig* one : *chosen) {
    verifiers.push_back(std::make_unique<BranchVerifier>(assembly, *one, standing));
    if (auto done = verifiers.back()->open(*tables); !done) return Failure(done.error());
  }
  if (auto done = run_rounds(assembly.source, verifiers, report); !done) {
    return Failure(done.error());
  }
  for (const auto& one : verifiers) {
    if (auto done = one->finish(report); !done) return Failure(done.error());
  }
  report.seconds = std::chrono::duration<double>(steady_now() - start).count();
  return report;
}

}  // namespace millrace
