// connector.class: which of its values mean PostgreSQL.
#pragma once

#include <string_view>

#include "config/field.h"
#include "config/settings.h"

namespace millrace {

// An error when connector.class is there and is not a spelling of Debezium's PostgreSQL connector.
void check_connector_class(const Settings& settings, std::string_view key_prefix,
                           Problems& problems);

}  // namespace millrace
