#include "sink/email/email_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include "sink/email/address.h"
#include "sink/email/mail_template.h"
#include "sink/email/message_builder.h"

namespace millrace {

namespace {

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1" || host == "[::1]";
}

Problem error(std::string key, std::string message, std::string cure) {
  return {
      .key = std::move(key), .origin = {}, .message = std::move(message), .cure = std::move(cure)};
}

Problem warning(std::string key, std::string message, std::string cure) {
  return {.severity = Problem::Severity::kWarning,
          .key = std::move(key),
          .origin = {},
          .message = std::move(message),
          .cure = std::move(cure)};
}

}  // namespace

int64_t EmailSinkConfig::server_port() const {
  if (port != 0) return port;
  switch (tls) {
    case MailTls::kNone:
      return 25;
    case MailTls::kStartTls:
      return 587;
    case MailTls::kSmtps:
      return 465;
  }
  return 25;
}

std::string EmailSinkConfig::server() const {
  return fmt::format("{}:{}", host, server_port());
}

std::string check_port(std::string_view text) {
  int64_t port = 0;
  std::string wrong = set_value(port, text);
  if (wrong.empty() && (port < 0 || port > 65535)) wrong = "must be between 0 and 65535";
  return wrong;
}

std::string check_mailbox(std::string_view text) {
  if (text.empty()) return "";
  Mailbox mailbox;
  return parse_mailbox(text, mailbox);
}

std::string check_template(std::string_view text) {
  MailTemplate parsed;
  return MailTemplate::parse(text, parsed);
}

std::string check_line_template(std::string_view text) {
  if (text.find_first_of("\r\n\t") != std::string_view::npos) return "must be one line";
  return check_template(text);
}

std::string check_headers(std::string_view text) {
  std::vector<HeaderTemplate> parsed;
  return parse_header_templates(text, parsed);
}

Problems validate_email_config(const EmailSinkConfig& config) {
  Problems problems;
  if (config.text.empty() && config.html.empty()) {
    problems.push_back(
        error("mail.text", "neither mail.text nor mail.html is set", "set at least one of them"));
  }
  if (config.host.find_first_of("/ @?#\r\n") != std::string::npos) {
    problems.push_back(error("host", "is not a host name or address",
                             "give the name alone; the port has a setting of its own"));
  }
  if (config.user.empty() != config.password.empty()) {
    problems.push_back(error(config.user.empty() ? "user" : "password",
                             "user and password are set one without the other",
                             "set both or none"));
  }
  if (!config.tls_ca.empty() && ::access(config.tls_ca.c_str(), R_OK) != 0) {
    problems.push_back(
        error("mail.tls.ca", "the file cannot be read",
              "correct the path, or give the user that runs millrace the right to read it"));
  }
  const bool in_clear = config.tls == MailTls::kNone && !is_loopback(config.host);
  if (in_clear && !config.user.empty()) {
    problems.push_back(warning("mail.tls", "the password crosses the network in the clear",
                               "set mail.tls to starttls or smtps"));
  }
  if (!config.tls_verify && config.tls != MailTls::kNone) {
    problems.push_back(
        warning("mail.tls.verify", "the server's certificate is not verified",
                "set mail.tls.ca to the authority that signed it, and mail.tls.verify to true"));
  }
  return problems;
}

}  // namespace millrace
