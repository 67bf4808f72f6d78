#include "source/postgres/regex_list.h"

#include <re2/re2.h>

#include <algorithm>

namespace millrace {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  std::string item;
  const auto finish = [&] {
    const std::string_view trimmed = trim(item);
    if (!trimmed.empty()) out.emplace_back(trimmed);
    item.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      if (text[i + 1] != ',') item += '\\';
      item += text[++i];
    } else if (text[i] == ',') {
      finish();
    } else {
      item += text[i];
    }
  }
  finish();
  return out;
}

// "a{1" is what a split at the comma of "a{1,2}" leaves; RE2 would take the brace literally.
bool has_open_brace(std::string_view regex) {
  const size_t brace = regex.rfind('{');
  if (brace == std::string_view::npos || (brace > 0 && regex[brace - 1] == '\\')) return false;
  return std::ranges::all_of(regex.substr(brace + 1), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view setting,
                                                      const std::string& regex) {
  const std::string where = std::string(setting) + ": the regex '" + regex + "' ";
  if (has_open_brace(regex)) {
    return fail(ErrorKind::kConfig, where + "ends within {…}",
                "write \\, for a comma that does not separate two items");
  }
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto compiled = std::make_shared<const RE2>(regex, options);
  if (!compiled->ok()) {
    return fail(ErrorKind::kConfig, where + "is not usable: " + compiled->error(),
                "lookaround, back-references and possessive quantifiers of Java are not "
                "supported; list the names, or use the include and exclude lists together");
  }
  return compiled;
}

bool regex_matches(const re2::RE2& regex, std::string_view name) {
  return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), regex);
}

Result<RegexList> RegexList::make(std::string_view setting, std::string_view text) {
  RegexList out;
  for (std::string& item : split(text)) {
    auto regex = compile_regex(setting, item);
    if (!regex) return Failure(regex.error());
    out.regexes_.push_back(std::move(*regex));
    out.items_.push_back(std::move(item));
  }
  return out;
}

Result<RegexList> RegexList::make(std::string_view setting, std::span<const std::string> items) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += ',';
    text += item;
  }
  return make(setting, text);
}

bool RegexList::matches(std::string_view name) const {
  return std::ranges::any_of(regexes_,
                             [&](const auto& regex) { return regex_matches(*regex, name); });
}

bool RegexList::item_matches(size_t item, std::string_view name) const {
  return regex_matches(*regexes_[item], name);
}

}  // namespace millrace
