// Dead letters as people and programs read them.
#pragma once

#include <string>
#include <vector>

#include "pipeline/dead_letter_file.h"

namespace millrace {

// One that waits, as far as a list shows it.
struct ListedLetter {
  std::string name;  // BRANCH/NUMBER
  std::string branch;
  uint64_t id = 0;
  uint64_t bytes = 0;
  std::string ts;
  std::string table;
  std::string op;
  std::string lsn;
  std::string key;  // sku=a1, id=7
  std::string message;
  std::string state;  // waits, superseded, refused 2 times more
};

// `line` is the letter's own; nullopt when it is damaged.
ListedLetter listed_letter(const std::string& branch, uint64_t id, const std::string& line,
                           const LetterMarks& marks);

// Columns, for people.
std::string list_text(const std::vector<ListedLetter>& letters);
// Everything about one, with its values.
std::string letter_text(const ListedLetter& letter, const std::string& line);
// One line: {"letter":"mail/7","state":"waits","change":{…}}.
std::string letter_json(const ListedLetter& letter, const std::string& line);

}  // namespace millrace
