#include <algorithm>

#include "sink/email/address.h"
#include "sink/email/email_sink.h"
#include "sink/email/smtp_client.h"

namespace millrace {

namespace {

// Nobody waits longer for an answer to `millrace check`.
constexpr int64_t kProbeTimeoutMs = 10000;

// The setting to look at first; empty when it may be one of several.
std::string_view key_of(const Error& error, const EmailSinkConfig& config) {
  switch (error.kind) {
    case ErrorKind::kConfig:
      return "mail.tls";
    case ErrorKind::kUnauthorized:
      return config.tls == MailTls::kNone ? "mail.tls" : "";
    default:
      return "host";
  }
}

}  // namespace

Problems check_email_sink(const EmailSinkConfig& config) {
  Problems problems = validate_email_config(config);
  Mailbox from;
  if (!parse_mailbox(config.from, from).empty()) return problems;
  const bool is_wrong = std::ranges::any_of(
      problems, [](const Problem& p) { return p.severity == Problem::Severity::kError; });
  if (is_wrong) return problems;
  EmailSinkConfig quick = config;
  quick.timeout_ms = std::min(quick.timeout_ms, kProbeTimeoutMs);
  if (auto error = SmtpClient(quick).probe(from.address)) {
    problems.push_back({.key = std::string(key_of(*error, config)),
                        .origin = {},
                        .message = std::move(error->message),
                        .cure = std::move(error->cure)});
  }
  return problems;
}

}  // namespace millrace
