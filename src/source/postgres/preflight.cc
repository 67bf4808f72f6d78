#include "source/postgres/preflight.h"

#include <algorithm>

#include "config/nearest.h"
#include "source/postgres/catalogue.h"
#include "source/postgres/findings.h"

namespace millrace {

namespace {

bool has(const Error& error, std::string_view text) {
  return error.message.find(text) != std::string::npos;
}

// The server's databases, by way of one that is nearly always there.
std::vector<std::string> databases(PostgresConfig config) {
  config.dbname = "postgres";
  auto connection = postgres::Connection::open(connect_options(config));
  if (!connection) return {};
  auto rows = connection->query("select datname from pg_catalog.pg_database where datallowconn");
  std::vector<std::string> names;
  for (int row = 0; rows && row < rows->count(); ++row)
    names.emplace_back(rows->text(row, 0));
  return names;
}

std::string database_cure(const PostgresConfig& config) {
  const auto nearest = nearest_name(config.dbname, databases(config));
  return nearest ? "did you mean '" + *nearest + "'?" : "set database.dbname to a database there";
}

constexpr std::string_view kTlsCure =
    "the server (pg_hba.conf) lets this client in only with TLS: set database.sslmode=require, or "
    "verify-full with database.sslrootcert";

struct ConnectCause {
  std::string_view text;  // a part of libpq's or the server's message
  std::string_view key;
  std::string_view cure;
};

// The first that fits counts.
constexpr ConnectCause kCauses[] = {
    {"could not translate host name", "database.hostname", "check the host's name"},
    {"Connection refused", "database.port",
     "check database.hostname and database.port, and that the server listens there "
     "(listen_addresses)"},
    {"password authentication failed", "database.password",
     "check database.user and database.password"},
    {"no password supplied", "database.password", "set database.password"},
    {"does not support SSL", "database.sslmode",
     "set database.sslmode=prefer, or turn ssl on in the server"},
    {"root certificate file", "database.sslrootcert",
     "set database.sslrootcert to the file with the authority's certificate"},
    {"certificate verify failed", "database.sslrootcert",
     "set database.sslrootcert to the certificate of the authority that signed the server's"},
    {"does not match host name", "database.hostname",
     "use the name that stands in the server's certificate, or database.sslmode=verify-ca"},
    {"pg_hba.conf", "database.user",
     "add a line to pg_hba.conf for this user, database and client address, then SELECT "
     "pg_reload_conf()"},
    {"role \"", "database.user", "check database.user, or CREATE ROLE … LOGIN REPLICATION"},
    {"is not permitted to log in", "database.user", "ALTER ROLE … LOGIN"},
    {"too many clients", "database.hostname",
     "raise max_connections, or close connections that idle"},
    {"remaining connection slots", "database.hostname",
     "raise max_connections, or close connections that idle"},
    {"no connection to", "database.hostname",
     "check database.hostname and database.port, and firewalls and security groups on the way"},
    {"timeout expired", "database.hostname",
     "check database.hostname and database.port, and firewalls and security groups on the way"},
};

}  // namespace

void Findings::failed(std::string_view key, const Error& error) {
  const size_t colon = error.message.find(": ");
  const std::string_view named = std::string_view(error.message).substr(0, colon);
  const bool is_setting = colon != std::string::npos && named.find('.') != std::string_view::npos &&
                          named.find(' ') == std::string_view::npos;
  if (!is_setting) return this->error(key, error.message, error.cure);
  this->error(named, error.message.substr(colon + 2), error.cure);
}

Problems Findings::take() {
  std::ranges::stable_sort(problems_, {}, [](const Problem& problem) {
    return problem.severity == Problem::Severity::kWarning;
  });
  return std::move(problems_);
}

std::string list_names(std::span<const std::string> names) {
  constexpr size_t kShown = 20;
  std::string out;
  for (size_t i = 0; i < names.size() && i < kShown; ++i)
    out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

void explain_connect_error(const PostgresConfig& config, const Error& error, Findings& findings) {
  if (has(error, "database \"") && has(error, "does not exist")) {
    findings.error("database.dbname", error.message, database_cure(config));
    return;
  }
  // A client that tried TLS and was refused was not refused for want of it.
  const bool plain = config.sslmode == SslMode::kDisable || config.sslmode == SslMode::kAllow;
  if (plain && (has(error, "no encryption") || has(error, "SSL off"))) {
    findings.error("database.sslmode", error.message, std::string(kTlsCure));
    return;
  }
  for (const ConnectCause& cause : kCauses) {
    if (!has(error, cause.text)) continue;
    findings.error(cause.key, error.message, std::string(cause.cure));
    return;
  }
  findings.error("database.hostname", error.message, error.cure);
}

namespace {

std::vector<TableSchema> look(const PostgresConfig& config,
                              std::span<const BranchProgress> branches, Findings& findings) {
  auto filter = TableFilter::make(config);
  if (!filter) findings.failed("table.include.list", filter.error());
  auto connection = postgres::Connection::open(connect_options(config));
  if (!connection) {
    explain_connect_error(config, connection.error(), findings);
    return {};
  }
  Inspection inspection{.config = config, .connection = *connection, .findings = findings};
  check_server(inspection);
  check_slot(inspection, branches);
  if (!filter) return {};
  auto captured = captured_tables(*connection, *filter, config);
  if (!captured) {
    findings.failed("message.key.columns", captured.error());
    return {};
  }
  check_tables(inspection, *filter, *captured);
  check_identities(inspection, *captured);
  check_publication(inspection, *captured);
  return std::move(*captured);
}

}  // namespace

Preflight preflight(const PostgresConfig& config, std::span<const BranchProgress> branches,
                    std::string_view key_prefix) {
  Findings findings(key_prefix);
  auto captured = look(config, branches, findings);
  return {findings.take(), std::move(captured)};
}

}  // namespace millrace
