// Debezium 1.x names and values, with today's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/field.h"
#include "config/settings.h"

namespace millrace {

// Today's name of a 1.x setting; nullopt: it is none.
std::optional<std::string_view> todays_name(std::string_view old_name);

// For .json and .properties. 1.x names count only where topic.prefix is absent; beside it they are
// ignored with a warning, as Debezium 3.3 does. Names keep 1.x's meaning; the shape of the events
// stays 3.3's, so schema.name.adjustment.mode keeps today's default. (1.x's sslmode=disable is not
// brought back: today's default `prefer` connects wherever it did.) `key_prefix` stands before each
// name in the file.
void replace_old_names(Settings& settings, std::string_view key_prefix, Problems& problems);

}  // namespace millrace
