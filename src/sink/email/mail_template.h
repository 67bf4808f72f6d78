// Text with placeholders: "${column}" is replaced by the row's value of that column (NULL:
// nothing), "$${" stands for a plain "${". Parsed once, rendered for each message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/change.h"

namespace millrace {

enum class Escape : uint8_t {
  kNone,  // a text body
  kLine,  // a header: control characters are refused
  kHtml,  // & < > " ' of values become entities
};

class MailTemplate {
 public:
  // "" or what is wrong with `text`.
  static std::string parse(std::string_view text, MailTemplate& out);

  // kConfig: the row has no such column. kData: the value cannot stand there.
  Result<std::string> render(const Change& change, Escape escape) const;

  bool empty() const { return parts_.empty(); }

 private:
  struct Part {
    std::string text;
    bool is_column;
  };

  std::vector<Part> parts_;
};

// The text of a column of change.row(); empty for NULL. Errors as of render().
Result<std::string> column_text(const Change& change, std::string_view column);

}  // namespace millrace
