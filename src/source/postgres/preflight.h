// What `millrace check` finds out about the source before anything starts: connects, looks, changes
// nothing, and tells everything at once, each finding with its cure (the SQL or the setting).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.h"
#include "event/schema.h"
#include "source/postgres/postgres_config.h"
#include "source/source.h"

namespace millrace {

struct Preflight {
  Problems problems;                  // errors first, then warnings
  std::vector<TableSchema> captured;  // as far as it could be found out
};

// `branches`: what is stored of their progress, to be compared with the slot as the start does it.
// `key_prefix` stands before the settings' names in Problem::key.
Preflight preflight(const PostgresConfig& config, std::span<const BranchProgress> branches,
                    std::string_view key_prefix = {});

}  // namespace millrace
