#include "wire/kafka/jaas.h"

namespace millrace::kafka {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kCure =
    "write it as LoginModule required username=\"…\" password=\"…\";";

class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() && kSpace.find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool at_end() {
    skip_space();
    return at_ >= text_.size();
  }

  // Up to white space, '=' or ';'.
  std::string word() {
    skip_space();
    const size_t end = std::min(text_.find_first_of(" \t\r\n=;", at_), text_.size());
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    return out;
  }

  // A word, or what stands in quotes, in which a backslash escapes any character. False: no closing
  // quote.
  bool value(std::string& out) {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) {
      out = word();
      return !out.empty();
    }
    const char quote = text_[at_++];
    out.clear();
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return true;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    return false;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

Failure malformed(std::string what) {
  return fail(ErrorKind::kConfig, "sasl.jaas.config " + std::move(what), std::string(kCure));
}

}  // namespace

Result<JaasLogin> parse_jaas(std::string_view text) {
  Words words(text);
  JaasLogin login;
  login.module = words.word();
  login.module = login.module.substr(login.module.rfind('.') + 1);
  if (login.module.empty()) return malformed("names no login module");
  const std::string flag = words.word();
  if (flag != "required" && flag != "requisite" && flag != "sufficient" && flag != "optional") {
    return malformed("lacks the word required after the login module");
  }
  while (!words.at_end() && !words.take(';')) {
    const std::string name = words.word();
    std::string value;
    if (name.empty() || !words.take('=')) return malformed("has an option that is not name=value");
    if (!words.value(value)) return malformed("has no end of the value of " + name);
    login.options[name] = value;
  }
  return login;
}

}  // namespace millrace::kafka
