// What `millrace check` finds out about the source before anything starts: connects, looks, changes
// nothing, and tells everything at once, each finding with its cure (the SQL or the setting).
#pragma once

#include <string>
#include <string_view>

#include "config/field.h"
#include "source/postgres/postgres_config.h"

namespace millrace {

// Errors first, then warnings. `key_prefix` stands before the settings' names in Problem::key.
Problems preflight(const PostgresConfig& config, std::string_view key_prefix = {});

}  // namespace millrace
