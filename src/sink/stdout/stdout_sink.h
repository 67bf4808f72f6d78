// Prints a line of JSON a record (sink/record_line.h), for people, pipes and tests. Takes
// BatchView::records. A batch is durable once all its lines are written; progress is kept
// elsewhere. The process must ignore SIGPIPE.
#pragma once

#include <array>
#include <memory>

#include "config/field.h"
#include "sink/sink.h"

namespace millrace {

struct StdoutSinkConfig {
  int fd = 1;
};

// Nothing about it can be set.
inline constexpr std::array<FieldSpec, 0> kStdoutSinkFields{};

std::unique_ptr<Sink> make_stdout_sink(const StdoutSinkConfig& config, const SinkContext& context);

}  // namespace millrace
