// The preflight checks of the PostgreSQL source, and what they write to. Each looks at one thing.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/field.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "source/postgres/publication.h"
#include "source/postgres/table_filter.h"
#include "source/source.h"
#include "wire/postgres/connection.h"

namespace millrace {

class Findings {
 public:
  explicit Findings(std::string_view key_prefix) : prefix_(key_prefix) {}

  void error(std::string_view key, std::string message, std::string cure) {
    add(Problem::Severity::kError, key, std::move(message), std::move(cure));
  }

  void warning(std::string_view key, std::string message, std::string cure) {
    add(Problem::Severity::kWarning, key, std::move(message), std::move(cure));
  }

  // A check that could not look: that is a finding too. An error that names its setting ("setting:
  // …") stands under that one.
  void failed(std::string_view key, const Error& error);

  // Errors first; else in the order of the checks.
  Problems take();

 private:
  void add(Problem::Severity severity, std::string_view key, std::string message,
           std::string cure) {
    problems_.push_back({severity, std::string(prefix_) + std::string(key), "", std::move(message),
                         std::move(cure)});
  }

  std::string_view prefix_;
  Problems problems_;
};

// "a, b, c and 17 more"
std::string list_names(std::span<const std::string> names);

// What all checks look at.
struct Inspection {
  const PostgresConfig& config;
  postgres::Connection& connection;
  Findings& findings;
  bool is_standby = false;
  bool is_superuser = false;
};

// Why the connection could not be opened, in terms of the settings.
void explain_connect_error(const PostgresConfig& config, const Error& error, Findings& findings);

// check_server.cc: version, wal_level, rights, limits. Sets is_standby and is_superuser.
void check_server(Inspection& inspection);

// check_slot.cc: its state, and whether it fits what the branches have.
void check_slot(const Inspection& inspection, std::span<const BranchProgress> branches);

// check_tables.cc: what the lists name, SELECT, row security, unlogged tables, unknown types.
void check_tables(const Inspection& inspection, const TableFilter& filter,
                  std::span<const TableSchema> captured);

// check_identities.cc
void check_identities(const Inspection& inspection, std::span<const TableSchema> captured);

// check_publication.cc
void check_publication(const Inspection& inspection, std::span<const TableSchema> captured);

// check_partitions.cc: changes that come under the name of a table that is not captured.
// `publication` is what there is already.
void check_partitions(const Inspection& inspection, std::span<const TableSchema> captured,
                      std::span<const PublishedTable> tables,
                      const std::optional<PublicationState>& publication);

// Those of `captured` that the role owns: it may ALTER and publish them.
Result<std::set<uint32_t>> read_owned(const Inspection& inspection,
                                      std::span<const TableSchema> captured);

// A partition that holds rows, and a captured table above it.
struct Leaf {
  uint32_t root = 0;
  TableSchema table;  // oid, schema and name only
};

Result<std::vector<Leaf>> read_leaves(const Inspection& inspection,
                                      std::span<const TableSchema> captured);

}  // namespace millrace
