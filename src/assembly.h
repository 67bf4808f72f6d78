// From a configuration file to a pipeline: reads and checks everything first (all errors at once),
// builds after.
#pragma once

#include <memory>

#include "base/memory_budget.h"
#include "config/pipeline_config.h"
#include "config/pipeline_options.h"
#include "convert/json/json_config.h"
#include "pipeline/pipeline.h"
#include "source/postgres/postgres_config.h"

namespace millrace {

// A configuration that was read whole. Can be built when reading added no error to the problems.
struct Assembly {
  PipelineConfig config;
  PipelineOptions options;
  PostgresConfig source;
};

Assembly read_assembly(const RunOptions& run, Problems& problems);
bool has_errors(const Problems& problems);

Result<std::unique_ptr<Pipeline>> build_pipeline(const Assembly& assembly, MemoryBudget& budget);

// What the sink or the offset store holds of the branch's progress, looked at from outside while
// the pipeline does not run. Changes nothing.
Result<Progress> stored_progress(const Assembly& assembly, const BranchConfig& branch);

Result<PipelineBranch> build_branch(const Assembly& assembly, const BranchConfig& branch,
                                    MemoryBudget& budget);

// Where a branch's refused changes lie, and how many may.
DeadLetterOptions dead_letter_options(const Assembly& assembly, const BranchConfig& branch);

// The socket that the running process of this pipeline listens on, in its state folder.
std::string control_socket(const Assembly& assembly);

// The DuckDB file of the pipeline's first warehouse branch, or of `branch`; empty when there is
// none.
std::string warehouse_file(const PipelineConfig& config, std::string_view branch = {});

}  // namespace millrace
