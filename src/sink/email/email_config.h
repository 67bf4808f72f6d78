// The settings of the e-mail sink.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "config/field.h"

namespace millrace {

enum class MailTls : uint8_t { kNone, kStartTls, kSmtps };

template <>
struct EnumNames<MailTls> {
  static constexpr std::pair<std::string_view, MailTls> values[] = {
      {"starttls", MailTls::kStartTls}, {"smtps", MailTls::kSmtps}, {"none", MailTls::kNone}};
};

enum class OnDoubt : uint8_t { kResend, kSkip };

template <>
struct EnumNames<OnDoubt> {
  static constexpr std::pair<std::string_view, OnDoubt> values[] = {{"resend", OnDoubt::kResend},
                                                                    {"skip", OnDoubt::kSkip}};
};

struct EmailSinkConfig {
  std::string host;
  int64_t port = 0;
  std::string user;
  Secret password;
  MailTls tls = MailTls::kStartTls;
  bool tls_verify = true;
  std::string tls_ca;
  std::string helo;
  std::string from;
  std::string to = "email";
  std::string reply_to;
  std::string subject;
  std::string text;
  std::string html;
  std::string headers;
  OnDoubt on_doubt = OnDoubt::kResend;
  int64_t batch_max = 100;
  int64_t rate_max = 0;
  int64_t timeout_ms = 60000;
  int64_t retry_max_ms = 0;

  // `port`, or the usual one of `tls`.
  int64_t server_port() const;
  // "mail.example.com:587", for messages.
  std::string server() const;
};

std::string check_port(std::string_view text);
std::string check_mailbox(std::string_view text);
std::string check_template(std::string_view text);
std::string check_line_template(std::string_view text);
std::string check_headers(std::string_view text);

inline constexpr FieldSpec kEmailSinkFields[] = {
    field<&EmailSinkConfig::host>("host", {.doc = "Name or address of the SMTP server.",
                                           .required = true,
                                           .importance = Importance::kHigh,
                                           .group = "Server"}),
    field<&EmailSinkConfig::port>(
        "port", {.doc = "Its port; 0: 587 with mail.tls = starttls, 465 with smtps, 25 with none.",
                 .importance = Importance::kHigh,
                 .group = "Server",
                 .check = check_port}),
    field<&EmailSinkConfig::user>(
        "user", {.doc = "User to log in as; empty: no login.", .group = "Server"}),
    field<&EmailSinkConfig::password>("password",
                                      {.doc = "The user's password.", .group = "Server"}),
    field<&EmailSinkConfig::tls>(
        "mail.tls",
        {.doc = "starttls: TLS is asked for and must be given. smtps: TLS from the first byte. "
                "none: in the clear, for a server on the same machine or in tests.",
         .importance = Importance::kHigh,
         .group = "Server"}),
    field<&EmailSinkConfig::tls_verify>(
        "mail.tls.verify", {.doc = "Whether the server's certificate and name are verified.",
                            .importance = Importance::kLow,
                            .group = "Server"}),
    field<&EmailSinkConfig::tls_ca>(
        "mail.tls.ca", {.doc = "File of PEM certificates to trust instead of the system's.",
                        .importance = Importance::kLow,
                        .group = "Server"}),
    field<&EmailSinkConfig::helo>("mail.helo",
                                  {.doc = "Name to greet the server with; empty: this host's name.",
                                   .importance = Importance::kLow,
                                   .group = "Server"}),
    field<&EmailSinkConfig::timeout_ms>(
        "mail.timeout.ms",
        {.doc = "How long one message may take, connecting included. A server that "
                "answers later than this leaves a message in doubt.",
         .importance = Importance::kLow,
         .group = "Server",
         .check = at_least<1>}),
    field<&EmailSinkConfig::from>(
        "mail.from",
        {.doc = "Sender: address, or name and address: Our shop <shop@example.com>. Its domain "
                "stands in the Message-ID.",
         .required = true,
         .importance = Importance::kHigh,
         .group = "Message",
         .check = check_mailbox}),
    field<&EmailSinkConfig::to>(
        "mail.to",
        {.doc = "Column that has the recipient's address. One row is one message to one recipient.",
         .importance = Importance::kHigh,
         .group = "Message"}),
    field<&EmailSinkConfig::reply_to>("mail.reply.to",
                                      {.doc = "Reply-To, as mail.from; empty: none.",
                                       .group = "Message",
                                       .check = check_mailbox}),
    field<&EmailSinkConfig::subject>(
        "mail.subject",
        {.doc = "Subject; ${column} is replaced by the row's value (a plain ${ is written $${).",
         .required = true,
         .importance = Importance::kHigh,
         .group = "Message",
         .check = check_line_template}),
    field<&EmailSinkConfig::text>(
        "mail.text", {.doc = "Plain text of the message, with placeholders as in mail.subject.",
                      .importance = Importance::kHigh,
                      .group = "Message",
                      .check = check_template}),
    field<&EmailSinkConfig::html>("mail.html",
                                  {.doc = "HTML of the message; values are escaped. With mail.text "
                                          "both are sent as alternatives.",
                                   .group = "Message",
                                   .check = check_template}),
    field<&EmailSinkConfig::headers>(
        "mail.headers", {.doc = "Further header lines, \"Name: value\" a line, with placeholders.",
                         .importance = Importance::kLow,
                         .group = "Message",
                         .check = check_headers}),
    field<&EmailSinkConfig::on_doubt>(
        "mail.on.doubt", {.doc = "What to do with a message that the server may or may not have "
                                 "accepted: killed or cut off "
                                 "between its answer and the ledger. resend: it may arrive twice, "
                                 "with the same Message-ID. "
                                 "skip: it may not arrive; it is written to the dead letters.",
                          .group = "Delivery"}),
    field<&EmailSinkConfig::batch_max>(
        "mail.batch.max", {.doc = "Messages whose intent is synced to the disk together. A killed "
                                  "process leaves at most one "
                                  "message in doubt, a crashed machine at most this many.",
                           .importance = Importance::kLow,
                           .group = "Delivery",
                           .check = at_least<1>}),
    field<&EmailSinkConfig::rate_max>("mail.rate.max",
                                      {.doc = "Messages a second at most; 0: no limit.",
                                       .group = "Delivery",
                                       .check = at_least<0>}),
    field<&EmailSinkConfig::retry_max_ms>(
        "mail.retry.max.ms",
        {.doc = "How long a recipient whom the server puts off (4xx) is tried again before the "
                "message goes to the dead letters; 0: without end.",
         .importance = Importance::kLow,
         .group = "Delivery",
         .check = at_least<0>}),
};

// What no single field shows: contradictions, a password in the clear.
Problems validate_email_config(const EmailSinkConfig& config);

}  // namespace millrace
