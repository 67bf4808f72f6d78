#include "source/postgres/postgres_config.h"

namespace millrace {

namespace {

constexpr Millis kCancelTime{5000};
constexpr int kBinarySince = 140000;  // pgoutput's option `binary`
constexpr std::string_view kOverrides = "snapshot.select.statement.overrides";

class Checker {
 public:
  Checker(Problems& problems, std::string_view prefix) : problems_(problems), prefix_(prefix) {}

  void error(std::string_view key, std::string message, std::string cure) {
    add(Problem::Severity::kError, key, std::move(message), std::move(cure));
  }

  void warning(std::string_view key, std::string message, std::string cure) {
    add(Problem::Severity::kWarning, key, std::move(message), std::move(cure));
  }

  void one_of(std::string_view kind, const std::vector<std::string>& include,
              const std::vector<std::string>& exclude) {
    if (include.empty() || exclude.empty()) return;
    const std::string name(kind);
    error(name + ".exclude.list", "stands beside " + name + ".include.list", "keep one of the two");
  }

 private:
  void add(Problem::Severity severity, std::string_view key, std::string message,
           std::string cure) {
    problems_.push_back({severity, std::string(prefix_) + std::string(key), "", std::move(message),
                         std::move(cure)});
  }

  Problems& problems_;
  std::string_view prefix_;
};

void read_overrides(const Settings& settings, PostgresConfig& config) {
  for (const std::string& table : config.select_override_tables) {
    const Setting* statement = settings.find(std::string(kOverrides) + "." + table);
    if (statement != nullptr) config.select_overrides[table] = statement->value;
  }
}

}  // namespace

PostgresConfig parse_postgres_config(const Settings& settings, Problems& problems,
                                     std::string_view key_prefix) {
  auto config = parse_fields<PostgresConfig>(postgres_fields(), settings, problems, key_prefix);
  read_overrides(settings, config);
  validate(config, problems, key_prefix);
  return config;
}

void validate(const PostgresConfig& config, Problems& problems, std::string_view key_prefix) {
  Checker check(problems, key_prefix);
  check.one_of("schema", config.schema_include, config.schema_exclude);
  check.one_of("table", config.table_include, config.table_exclude);
  check.one_of("column", config.column_include, config.column_exclude);
  check.one_of("message.prefix", config.message_prefix_include, config.message_prefix_exclude);
  for (const std::string& table : config.select_override_tables) {
    if (config.select_overrides.contains(table)) continue;
    check.error(kOverrides, "names the table " + table + " without a statement",
                "set " + std::string(kOverrides) + "." + table + " to a SELECT");
  }
  if (!config.heartbeat_action_query.empty() && config.heartbeat_interval_ms == 0) {
    check.warning("heartbeat.action.query", "is never run: heartbeat.interval.ms is 0",
                  "set heartbeat.interval.ms");
  }
  if (config.sslkey.empty() != config.sslcert.empty()) {
    check.error(config.sslkey.empty() ? "database.sslkey" : "database.sslcert",
                "is missing: a client certificate needs its key", "set both or none");
  }
}

std::pair<std::string, std::string> server_of(std::string_view host, std::string_view port) {
  const bool bracketed = host.starts_with('[');
  const size_t end = bracketed ? host.find(']') : host.find(':');
  const bool plain = end == std::string_view::npos || host.starts_with('/') ||
                     (!bracketed && host.find(':', end + 1) != std::string_view::npos);
  if (plain) return {std::string(host), std::string(port)};
  const std::string_view rest = host.substr(bracketed ? end + 1 : end);
  return {std::string(bracketed ? host.substr(1, end - 1) : host.substr(0, end)),
          std::string(rest.empty() ? port : rest.substr(1))};
}

bool reads_binary(const PostgresConfig& config, const postgres::Connection& connection) {
  const auto encoding = connection.server_encoding();
  return config.stream_binary == StreamBinary::kAuto &&
         connection.server_version() >= kBinarySince &&
         (encoding == "UTF8" || encoding == "SQL_ASCII");
}

postgres::ConnectOptions connect_options(const PostgresConfig& config,
                                         std::string_view application) {
  postgres::ConnectOptions out;
  const auto add = [&](const char* keyword, std::string value) {
    if (!value.empty()) out.keywords.emplace_back(keyword, std::move(value));
  };
  std::vector<std::pair<std::string, std::string>> servers;
  servers.reserve(config.hostname.size());
  for (const std::string& host : config.hostname) {
    servers.push_back(server_of(host, std::to_string(config.port)));
  }
  if (!servers.empty()) {
    add("host", servers.front().first);
    add("port", servers.front().second);
    out.more_servers.assign(servers.begin() + 1, servers.end());
  }
  if (servers.size() > 1) add("target_session_attrs", "primary");
  add("dbname", config.dbname);
  add("user", config.user);
  add("password", config.password.value);
  add("sslmode", get_value(config.sslmode));
  add("sslcert", config.sslcert);
  add("sslkey", config.sslkey);
  add("sslpassword", config.sslpassword.value);
  add("sslrootcert", config.sslrootcert);
  add("keepalives", config.tcp_keep_alive ? "1" : "0");
  add("application_name", std::string(application));
  return out;
}

Millis answer_timeout(const PostgresConfig& config) {
  const Millis limit(config.query_timeout_ms);
  return limit > Millis(0) ? limit + kCancelTime : Millis(0);
}

}  // namespace millrace
