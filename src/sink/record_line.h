// One record as one line of JSON, as the stdout and file sinks write it:
//   {"topic":"t","partition":0,"key":{…},"value":{…},"headers":[{"key":"h","value":"…"}]}
// Key, value and header values are JSON already (the converter's bytes) and stand there verbatim;
// null where there is none. "partition" only when the record has one.
#pragma once

#include <string>

#include "event/batch.h"

namespace millrace {

// Appends the line with its newline.
void append_record_line(std::string& out, const Record& record);

}  // namespace millrace
