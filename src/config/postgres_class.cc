#include "config/postgres_class.h"

#include <algorithm>
#include <array>
#include <string>

namespace millrace {

namespace {

constexpr std::array<std::string_view, 4> kSpellings = {
    "io.debezium.connector.postgresql.PostgresConnector", "PostgresConnector", "Postgres",
    "PostgreSQL"};

}  // namespace

void check_connector_class(const Settings& settings, std::string_view key_prefix,
                           Problems& problems) {
  const Setting* found = settings.find("connector.class");
  if (found == nullptr) return;
  if (std::ranges::any_of(kSpellings, [&](auto name) { return same_name(name, found->value); }))
    return;
  problems.push_back({Problem::Severity::kError, std::string(key_prefix) + "connector.class",
                      found->origin, "names a connector that is not supported",
                      "the one that is supported is " + std::string(kSpellings[0])});
}

}  // namespace millrace
