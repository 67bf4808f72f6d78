#include "sink/email/smtp_reply.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace {

namespace {

constexpr size_t kReplyMax = 300;

int code_of(std::string_view reply) {
  if (reply.size() < 3) return 0;
  int code = 0;
  for (const char c : reply.substr(0, 3)) {
    if (c < '0' || c > '9') return 0;
    code = code * 10 + (c - '0');
  }
  return code;
}

std::string_view phase_name(SmtpPhase phase) {
  switch (phase) {
    case SmtpPhase::kConnect:
      return "the greeting";
    case SmtpPhase::kHello:
      return "EHLO";
    case SmtpPhase::kStartTls:
      return "STARTTLS";
    case SmtpPhase::kLogin:
      return "the login";
    case SmtpPhase::kSender:
      return "MAIL FROM";
    case SmtpPhase::kRecipient:
      return "RCPT TO";
    case SmtpPhase::kData:
      return "DATA";
    case SmtpPhase::kText:
      return "the message";
  }
  return "";
}

// 5xx that no message can change.
Error permanent_error(const SmtpFailure& failure, int code, std::string message) {
  if (code == 530 && failure.phase != SmtpPhase::kText) {
    return {ErrorKind::kUnauthorized, std::move(message),
            "the server asks for TLS or a login: set mail.tls to starttls, user and password"};
  }
  switch (failure.phase) {
    case SmtpPhase::kConnect:
    case SmtpPhase::kHello:
      return {ErrorKind::kUnreachable, std::move(message),
              "ask the server's operator whether it serves this host"};
    case SmtpPhase::kStartTls:
      return {ErrorKind::kConfig, std::move(message),
              "set mail.tls to smtps or none, or enable STARTTLS on the server"};
    case SmtpPhase::kLogin:
      return {ErrorKind::kUnauthorized, std::move(message), "correct user and password"};
    default:
      return {ErrorKind::kUnauthorized, std::move(message),
              "set mail.from to a sender that the server accepts"};
  }
}

SmtpResult judge_reply(const SmtpFailure& failure, int code) {
  std::string message = fmt::format("the mail server {} answered {} with: {}", failure.server,
                                    phase_name(failure.phase), public_reply(failure.reply));
  constexpr int kClosing = 421;
  constexpr int kTooLarge = 552;
  const bool about_message = failure.phase >= SmtpPhase::kRecipient || code == kTooLarge;
  if (code / 100 == 4) {
    const bool put_off = about_message && code != kClosing;
    return {.outcome = put_off ? SmtpOutcome::kPutOff : SmtpOutcome::kFailed,
            .error = {ErrorKind::kBusy, std::move(message)}};
  }
  if (about_message && code != 530) {
    return {.outcome = SmtpOutcome::kRefused, .error = {ErrorKind::kData, std::move(message)}};
  }
  return {.outcome = SmtpOutcome::kFailed,
          .error = permanent_error(failure, code, std::move(message))};
}

Error connection_error(const SmtpFailure& failure) {
  std::string message = fmt::format("the mail server {} failed at {}: {}", failure.server,
                                    phase_name(failure.phase), failure.library_message);
  switch (failure.cause) {
    case SmtpFailure::Cause::kLogin:
      return {ErrorKind::kUnauthorized, std::move(message),
              "correct user and password; the server must offer a login (perhaps only after TLS)"};
    case SmtpFailure::Cause::kNoStartTls:
      return {ErrorKind::kConfig, std::move(message),
              "set mail.tls to smtps or none, or enable STARTTLS on the server"};
    case SmtpFailure::Cause::kCertificate:
      return {ErrorKind::kUnauthorized, std::move(message),
              "set mail.tls.ca to the authority that signed the server's certificate, and host to "
              "the name in it"};
    case SmtpFailure::Cause::kHandshake:
      return {ErrorKind::kUnreachable, std::move(message),
              "see whether the port speaks TLS at once (mail.tls = smtps) or after STARTTLS"};
    case SmtpFailure::Cause::kTimeout:
      return {ErrorKind::kUnreachable, std::move(message),
              "see whether the server is well; mail.timeout.ms says how long it may take"};
    case SmtpFailure::Cause::kResolve:
    case SmtpFailure::Cause::kOther:
      break;
  }
  return {ErrorKind::kUnreachable, std::move(message),
          "see whether host and port are right and the server runs"};
}

}  // namespace

SmtpResult judge(const SmtpFailure& failure) {
  const int code = code_of(failure.reply);
  if (code >= 400 && code < 600) return judge_reply(failure, code);
  Error error = connection_error(failure);
  if (!failure.text_was_sent) return {.outcome = SmtpOutcome::kFailed, .error = std::move(error)};
  error.message += ", after the whole message had been sent: whether it was accepted is unknown";
  return {.outcome = SmtpOutcome::kDoubt, .error = std::move(error)};
}

std::string public_reply(std::string_view reply) {
  std::string out;
  while (!reply.empty() && out.size() < kReplyMax) {
    const size_t end = std::min(reply.find_first_of(" \t\r\n"), reply.size());
    const std::string_view word = reply.substr(0, end);
    reply.remove_prefix(std::min(end + 1, reply.size()));
    if (word.empty()) continue;
    if (!out.empty()) out += ' ';
    if (word.find('@') != std::string_view::npos) {
      out += "<address>";
      continue;
    }
    for (const char c : word)
      out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

}  // namespace millrace
