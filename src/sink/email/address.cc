#include "sink/email/address.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr size_t kAddressMax = 254;  // RFC 5321 §4.5.3.1.3, less the angle brackets
constexpr size_t kLocalMax = 64;
constexpr size_t kLabelMax = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_atext(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-/=?^_`{|}~";
  return is_letter_or_digit(c) || kMarks.find(c) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_local_part(std::string_view local) {
  if (local.empty() || local.size() > kLocalMax) return false;
  return std::ranges::all_of(local, [](char c) { return is_atext(c) || c == '.'; });
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-') {
    return false;
  }
  return std::ranges::all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_domain(std::string_view domain) {
  while (true) {
    const size_t dot = domain.find('.');
    if (!is_label(domain.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string parse_address(std::string_view text, std::string& normalised) {
  text = trim(text);
  if (text.empty()) return "is empty";
  if (text.size() > kAddressMax) return "is longer than 254 bytes";
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7e; })) {
    return "is not ASCII";
  }
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return "has no @";
  if (!is_local_part(text.substr(0, at))) return "is malformed before its @";
  if (!is_domain(text.substr(at + 1))) return "has a malformed domain";
  normalised = text;
  std::transform(normalised.begin() + static_cast<std::ptrdiff_t>(at), normalised.end(),
                 normalised.begin() + static_cast<std::ptrdiff_t>(at), [](char c) {
                   return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
                 });
  return "";
}

std::string parse_mailbox(std::string_view text, Mailbox& mailbox) {
  text = trim(text);
  mailbox.name.clear();
  const size_t open = text.find('<');
  if (open == std::string_view::npos) return parse_address(text, mailbox.address);
  if (text.back() != '>') return "has a < without its > at the end";
  std::string_view name = trim(text.substr(0, open));
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
    name = name.substr(1, name.size() - 2);
  }
  if (std::ranges::any_of(name, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
      })) {
    return "has a quote, a backslash or a control character in its name";
  }
  mailbox.name = name;
  return parse_address(text.substr(open + 1, text.size() - open - 2), mailbox.address);
}

}  // namespace millrace
