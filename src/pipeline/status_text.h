// A pipeline's status as the two texts that programs read: JSON for /status, Prometheus for
// /metrics.
#pragma once

#include <string>

#include "pipeline/pipeline.h"

namespace millrace {

std::string status_json(const PipelineStatus& status);
std::string metrics_text(const PipelineStatus& status);

// Bytes of WAL that the server has written and this branch has not made durable; 0 when not known.
Lsn lag_bytes(const PipelineStatus& status, const BranchStatus& branch);
// WAL that the slot may not let go for this branch.
Lsn retained_wal_bytes(const PipelineStatus& status, const BranchStatus& branch);
// Since the commit of the newest durable change, while there is a lag in bytes; else 0.
int64_t lag_ms(const PipelineStatus& status, const BranchStatus& branch);

}  // namespace millrace
