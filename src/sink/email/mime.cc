#include "sink/email/mime.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/base64.h"

namespace millrace {

namespace {

constexpr size_t kLineMax = 76;         // of quoted-printable (RFC 2045 §6.7)
constexpr size_t kAddressNameMax = 10;  // "Reply-To: "
constexpr size_t kHeaderLineMax = 78;   // RFC 5322 §2.1.1
constexpr size_t kWordMax =
    75;  // of an encoded word (RFC 2047 §2), and of its line but for the fold
constexpr std::string_view kWordStart = "=?UTF-8?B?";
constexpr std::string_view kWordEnd = "?=";

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Bytes of the UTF-8 character that starts with `lead`; a stray byte counts as one.
size_t character_bytes(char lead) {
  const auto c = static_cast<unsigned char>(lead);
  if (c >= 0xf0) return 4;
  if (c >= 0xe0) return 3;
  return c >= 0xc0 ? 2 : 1;
}

// Bytes at the start of `text` that fit, as base64, in an encoded word of `width` characters: whole
// characters.
size_t word_bytes(std::string_view text, size_t width) {
  const size_t room = (width - kWordStart.size() - kWordEnd.size()) / 4 * 3;
  size_t take = 0;
  while (take < text.size()) {
    const size_t next = std::min(take + character_bytes(text[take]), text.size());
    if (next > room) break;
    take = next;
  }
  return take;
}

// Encoded words with folds between them; `used` characters stand before the first on its line.
std::string encode_words(std::string_view text, size_t used) {
  std::string out;
  while (!text.empty()) {
    const size_t take = word_bytes(text, out.empty() ? kWordMax - used : kWordMax);
    if (!out.empty()) out += "\r\n ";
    out += kWordStart;
    append_base64(out, text.substr(0, take));
    out += kWordEnd;
    text.remove_prefix(take);
  }
  return out;
}

// Appends one line of a body without its line end, with soft breaks.
void append_quoted_line(std::string& out, std::string_view line) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    const bool is_last = i + 1 == line.size();
    const bool is_blank = c == ' ' || c == '\t';
    bool plain = (c > 0x20 && c < 0x7f && c != '=') || (is_blank && !is_last);
    const size_t width = plain ? 1 : 3;
    // One place is kept for the '=' of a soft break.
    if (column + width > kLineMax - 1) {
      out += "=\r\n";
      column = 0;
    }
    // Neither a dot (SMTP), nor "From " (mbox), may stand first.
    if (column == 0 && (c == '.' || c == 'F')) plain = false;
    if (plain) {
      out += static_cast<char>(c);
      column += 1;
    } else {
      out += '=';
      out += kHex[c >> 4];
      out += kHex[c & 15];
      column += 3;
    }
  }
}

void append_part(std::string& out, std::string_view type, std::string_view content) {
  out += fmt::format(
      "Content-Type: {}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
      type);
  out += encode_quoted_printable(content);
}

// Quoted-printable never makes "=_", so the boundary cannot stand in a part.
std::string boundary_of(std::string_view message_id) {
  std::string out = "=_";
  for (const char c : message_id) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (fits && out.size() < 60) out += c;
  }
  return out;
}

void append_body(std::string& out, const MailMessage& message) {
  if (message.html.empty()) return append_part(out, "text/plain", message.text);
  if (message.text.empty()) return append_part(out, "text/html", message.html);
  const std::string boundary = boundary_of(message.message_id);
  out += fmt::format("Content-Type: multipart/alternative;\r\n boundary=\"{}\"\r\n\r\n", boundary);
  out += fmt::format("--{}\r\n", boundary);
  append_part(out, "text/plain", message.text);
  out += fmt::format("--{}\r\n", boundary);
  append_part(out, "text/html", message.html);
  out += fmt::format("--{}--\r\n", boundary);
}

}  // namespace

std::string encode_quoted_printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    append_quoted_line(out, text.substr(0, end));
    out += "\r\n";
    if (end == std::string_view::npos) break;
    const bool is_pair = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (is_pair ? 2 : 1));
  }
  return out;
}

std::string encode_header(std::string_view name, std::string_view value) {
  const bool fits = name.size() + 2 + value.size() <= kHeaderLineMax;
  const bool is_plain = is_printable_ascii(value) && value.find("=?") == std::string_view::npos &&
                        !value.starts_with(' ') && !value.ends_with(' ');
  if (fits && is_plain) return fmt::format("{}: {}\r\n", name, value);
  constexpr size_t kNameMax = 40;  // beside a longer one no word has room
  const bool is_long = name.size() > kNameMax;
  return fmt::format("{}:{}{}\r\n", name, is_long ? "\r\n " : " ",
                     encode_words(value, is_long ? 0 : name.size() + 2));
}

std::string format_mailbox(const Mailbox& mailbox) {
  if (mailbox.name.empty()) return mailbox.address;
  const bool is_plain = is_printable_ascii(mailbox.name) &&
                        mailbox.name.find("=?") == std::string::npos &&
                        mailbox.name.size() + mailbox.address.size() < kHeaderLineMax - 20;
  if (is_plain) return fmt::format("\"{}\" <{}>", mailbox.name, mailbox.address);
  return fmt::format("{}\r\n <{}>", encode_words(mailbox.name, kAddressNameMax), mailbox.address);
}

std::string format_mail_date(int64_t unix_seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = unix_seconds;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000", kDays[utc.tm_wday], utc.tm_mday,
                     kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string build_message(const MailMessage& message) {
  std::string out =
      fmt::format("Date: {}\r\nFrom: {}\r\nTo: {}\r\n", format_mail_date(message.unix_seconds),
                  format_mailbox(message.from), message.to);
  if (!message.reply_to.empty()) out += fmt::format("Reply-To: {}\r\n", message.reply_to);
  out += encode_header("Subject", message.subject);
  out += fmt::format("Message-ID: {}\r\n", message.message_id);
  out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  for (const auto& [name, value] : message.headers)
    out += encode_header(name, value);
  append_body(out, message);
  return out;
}

}  // namespace millrace
