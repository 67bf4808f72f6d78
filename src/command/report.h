// Says while a pipeline runs how far it is: every ten seconds in the log, and while a snapshot is
// read on a terminal, every second in its last line.
#pragma once

#include <stop_token>

#include "pipeline/pipeline.h"

namespace millrace {

void report_progress(const Pipeline& pipeline, std::stop_token stop);

}  // namespace millrace
