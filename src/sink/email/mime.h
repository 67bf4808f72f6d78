// Builds a message: RFC 5322 header, RFC 2047 encoded words, MIME bodies in quoted-printable. All
// lines end with CRLF, none is longer than 76 characters, none begins with a dot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sink/email/address.h"

namespace millrace {

struct MailMessage {
  Mailbox from;
  std::string to;          // address
  std::string reply_to;    // mailbox as a header value (format_mailbox); may be empty
  std::string subject;     // UTF-8, without control characters
  std::string text;        // UTF-8, any line ends
  std::string html;        // may be empty
  std::string message_id;  // with its angle brackets
  int64_t unix_seconds = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // UTF-8, without control characters
};

std::string build_message(const MailMessage& message);

// Its parts.
std::string encode_quoted_printable(std::string_view text);  // line ends (CRLF, LF, CR) become CRLF
// "Name: value\r\n", the value as encoded words where it is not plain ASCII or too long for a line.
std::string encode_header(std::string_view name, std::string_view value);
std::string format_mailbox(const Mailbox& mailbox);
std::string format_mail_date(int64_t unix_seconds);

}  // namespace millrace
