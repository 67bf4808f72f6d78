#include "sink/email/message_builder.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "sink/email/mime.h"

namespace millrace {

namespace {

constexpr size_t kHashBytes = 16;

// What the sink writes itself, or what would change who gets the message.
constexpr std::string_view kOwnHeaders[] = {
    "from",     "to",     "cc",          "bcc",          "subject",        "date",    "message-id",
    "reply-to", "sender", "return-path", "mime-version", "auto-submitted", "received"};

bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() < 70 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

bool is_own_header(std::string_view name) {
  constexpr std::string_view kContent = "content-";
  const auto same = [name](std::string_view own) { return same_name(name, own); };
  return std::ranges::any_of(kOwnHeaders, same) ||
         same_name(name.substr(0, kContent.size()), kContent);
}

std::string_view trim_left(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::string parse_header_line(std::string_view line, std::vector<HeaderTemplate>& out) {
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_header_name(name))
    return "has a line that is not \"Name: value\"";
  if (is_own_header(name)) return fmt::format("must not set {}", name);
  HeaderTemplate header{std::string(name), {}};
  std::string wrong = MailTemplate::parse(trim_left(line.substr(colon + 1)), header.value);
  if (wrong.empty()) out.push_back(std::move(header));
  return wrong;
}

Failure wrong_setting(std::string_view key, std::string_view wrong) {
  return fail(ErrorKind::kConfig, fmt::format("{} {}", key, wrong));
}

}  // namespace

std::string short_hash(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    return {};
  }
  std::string out;
  for (size_t i = 0; i < kHashBytes; ++i)
    out += fmt::format("{:02x}", digest.at(i));
  return out;
}

std::string parse_header_templates(std::string_view text, std::vector<HeaderTemplate>& out) {
  out.clear();
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim_left(text.substr(0, end));
    if (line.ends_with('\r')) line.remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (std::string wrong = parse_header_line(line, out); !wrong.empty()) return wrong;
  }
  return "";
}

Result<MessageBuilder> MessageBuilder::make(const EmailSinkConfig& config, std::string scope) {
  MessageBuilder out;
  out.scope_ = std::move(scope);
  out.to_column_ = config.to;
  if (auto wrong = parse_mailbox(config.from, out.from_); !wrong.empty()) {
    return wrong_setting("mail.from", wrong);
  }
  if (!config.reply_to.empty()) {
    Mailbox reply_to;
    if (auto wrong = parse_mailbox(config.reply_to, reply_to); !wrong.empty()) {
      return wrong_setting("mail.reply.to", wrong);
    }
    out.reply_to_ = format_mailbox(reply_to);
  }
  if (auto wrong = MailTemplate::parse(config.subject, out.subject_); !wrong.empty()) {
    return wrong_setting("mail.subject", wrong);
  }
  if (auto wrong = MailTemplate::parse(config.text, out.text_); !wrong.empty()) {
    return wrong_setting("mail.text", wrong);
  }
  if (auto wrong = MailTemplate::parse(config.html, out.html_); !wrong.empty()) {
    return wrong_setting("mail.html", wrong);
  }
  if (auto wrong = parse_header_templates(config.headers, out.headers_); !wrong.empty()) {
    return wrong_setting("mail.headers", wrong);
  }
  return out;
}

Result<std::string> MessageBuilder::recipient(const Change& change) const {
  auto text = column_text(change, to_column_);
  if (!text) return text;
  std::string address;
  if (auto wrong = parse_address(*text, address); !wrong.empty()) {
    return fail(ErrorKind::kData,
                fmt::format("the recipient's address (column \"{}\" of {} at {}) {}", to_column_,
                            change.table->full_name(), format_lsn(change.lsn), wrong),
                "correct the address in the source table");
  }
  return address;
}

std::string MessageBuilder::hash(const Change& change, std::string_view recipient) const {
  std::string identity = scope_;
  identity += '\0';
  identity += recipient;
  if (change.op == Op::kRead) {
    for (const Datum& datum : change.row().span()) {
      identity += '\0';
      identity += static_cast<char>('0' + static_cast<int>(datum.kind));
      if (datum.has_value()) identity += datum.view();
    }
  }
  return short_hash(identity);
}

Result<std::string> MessageBuilder::build(const Change& change, std::string_view recipient,
                                          int64_t unix_seconds) const {
  MailMessage message;
  message.from = from_;
  message.to = recipient;
  message.reply_to = reply_to_;
  message.unix_seconds = unix_seconds;
  message.message_id =
      fmt::format("<{:X}.{}.{}@{}>", change.position.commit_lsn, change.position.ordinal,
                  hash(change, recipient), from_.domain());
  auto subject = subject_.render(change, Escape::kLine);
  if (!subject) return subject;
  auto text = text_.render(change, Escape::kNone);
  if (!text) return text;
  auto html = html_.render(change, Escape::kHtml);
  if (!html) return html;
  message.subject = std::move(*subject);
  message.text = std::move(*text);
  message.html = std::move(*html);
  for (const HeaderTemplate& header : headers_) {
    auto value = header.value.render(change, Escape::kLine);
    if (!value) return value;
    message.headers.emplace_back(header.name, std::move(*value));
  }
  return build_message(message);
}

}  // namespace millrace
