// Mails: whatever a row holds, it cannot add a header line or break a line's limit, and the body is
// the text. An input is texts with a zero byte between: a template, the row's value, a mailbox, an
// address, a reply of the server's.
#include <array>
#include <string>

#include "fuzz.h"
#include "sink/email/mail_template.h"
#include "sink/email/mime.h"
#include "sink/email/smtp_reply.h"

namespace millrace::fuzz {

namespace {

// One line of a header or a body is at most this long (RFC 5322 §2.1.1); nothing begins with a dot.
void require_lines(std::string_view message) {
  constexpr size_t kLineMax = 78;
  while (!message.empty()) {
    const size_t end = message.find_first_of("\r\n");
    require(end != message.npos, "the last line ends");
    require(message.substr(end).starts_with("\r\n"), "every line ends with CR LF");
    require(end <= kLineMax, "no line is longer than 78 characters");
    require(!message.starts_with('.'), "no line begins with a dot");
    message.remove_prefix(end + 2);
  }
}

int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded_quoted_printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
    } else if (text.substr(i + 1).starts_with("\r\n")) {
      i += 2;
    } else {
      require(i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0,
              "a = of quoted-printable has two digits");
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    }
  }
  return out;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\r' || text[i] == '\n')
      out += "\r\n";
    else
      out += text[i];
  }
  return out;
}

void check_body(std::string_view text) {
  const std::string encoded = encode_quoted_printable(text);
  require_lines(encoded);
  std::string expected = with_crlf(text);
  if (!expected.empty() && !expected.ends_with("\r\n")) expected += "\r\n";
  require(decoded_quoted_printable(encoded) == expected, "the body is the text");
}

// The lines of a header that do not go on the line before.
size_t fields(std::string_view header) {
  size_t out = 0;
  while (!header.empty()) {
    if (header.front() != ' ') ++out;
    header.remove_prefix(std::min(header.find('\n') + 1, header.size()));
  }
  return out;
}

void check_message(const MailTemplate& shape, std::string_view value, std::string_view mailbox,
                   std::string_view address) {
  TableSchema table;
  Column& column = table.columns.emplace_back();
  column.name = "v";
  column.type.type = PgType::kText;
  const std::array<Datum, 1> values = {
      Datum{value.data(), static_cast<uint32_t>(value.size()), DatumKind::kText}};
  Change change;
  change.table = &table;
  change.after = {values.data(), 1, TupleKind::kFull};
  MailMessage message;
  message.message_id = "<id@example.com>";
  if (!parse_mailbox(mailbox, message.from).empty()) message.from = {"", "a@example.com"};
  if (!parse_address(address, message.to).empty()) message.to = "b@example.com";
  const auto subject = shape.render(change, Escape::kLine);
  const auto text = shape.render(change, Escape::kNone);
  const auto html = shape.render(change, Escape::kHtml);
  if (!text || !html) return;
  check_body(*text);
  check_body(*html);
  if (!subject) return;
  for (const char c : *subject) {
    if (static_cast<unsigned char>(c) < 0x20)
      return;  // the template's own; a setting's check refuses it
  }
  message.subject = *subject;
  message.headers = {{"X-Row", *subject}};
  message.text = "x";
  const std::string built = build_message(message);
  constexpr size_t kFields = 10;  // with Content-Type and Content-Transfer-Encoding
  require(fields(built.substr(0, built.find("\r\n\r\n") + 2)) == kFields,
          "a row's value adds no header");
  if (message.to.size() + message.from.address.size() < 60) require_lines(built);
}

}  // namespace

void fuzz_one(std::string_view input) {
  Input in(input);
  MailTemplate shape;
  const std::string_view text = in.text();
  const std::string wrong = MailTemplate::parse(text, shape);
  const std::string_view value = in.text();
  const std::string_view mailbox = in.text();
  const std::string_view address = in.text();
  SmtpFailure failure;
  failure.phase = static_cast<SmtpPhase>(value.size() % 8);
  failure.reply = in.rest();
  judge(failure);
  for (const char c : public_reply(failure.reply))
    require(c >= 0x20 && c < 0x7f, "a reply that is logged is plain");
  check_body(text);
  if (wrong.empty()) check_message(shape, value, mailbox, address);
}

}  // namespace millrace::fuzz
