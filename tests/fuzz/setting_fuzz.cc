// Values of settings: lists, regexes, sizes, Java's login lines, LSNs. What was read, written anew,
// reads the same.
#include <string>
#include <vector>

#include "config/field.h"
#include "config/table_pattern.h"
#include "event/position.h"
#include "fuzz.h"
#include "source/postgres/regex_list.h"
#include "wire/kafka/jaas.h"

namespace millrace::fuzz {

namespace {

void list_round_trip(std::string_view text) {
  std::vector<std::string> list;
  require(set_value(list, text).empty(), "every text is a list");
  std::vector<std::string> again;
  set_value(again, get_value(list));
  require(again == list, "a list that was read can be written and read");
}

template <class T>
void number_round_trip(std::string_view text) {
  T value{};
  if (!set_value(value, text).empty()) return;
  T again{};
  require(set_value(again, get_value(value)).empty(), "a number can be written and read");
  require(get_value(again) == get_value(value), "a number stays the same");
}

void login_round_trip(std::string_view text) {
  const auto login = kafka::parse_jaas(text);
  if (!login) return;
  std::string again = login->module + " required";
  for (const auto& [name, value] : login->options) {
    again += " " + name + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') again += '\\';
      again += c;
    }
    again += '"';
  }
  const auto reread = kafka::parse_jaas(again + ";");
  require(reread && reread->module == login->module && reread->options == login->options,
          "a login that was read can be written and read");
}

}  // namespace

void fuzz_one(std::string_view input) {
  const ExactCopy text(input);
  list_round_trip(text.view());
  number_round_trip<int64_t>(text.view());
  number_round_trip<double>(text.view());
  number_round_trip<Bytes>(text.view());
  login_round_trip(text.view());
  if (const auto lsn = parse_lsn(text.view()))
    require(parse_lsn(format_lsn(*lsn)) == lsn, "an LSN can be written and read");
  check_patterns(text.view());
  if (const auto regexes = RegexList::make("setting", text.view()))
    static_cast<void>(regexes->matches("public.orders"));
}

}  // namespace millrace::fuzz
