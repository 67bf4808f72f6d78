// From flat settings to a pipeline, for each form of file.
#pragma once

#include "config/flat_file.h"
#include "config/pipeline_config.h"

namespace millrace {

// `sections` are the file's tables, so that a branch without any key is seen too.
void take_toml(const Settings& all, const std::vector<FlatEntry>& sections,
               const RunOptions& options, PipelineConfig& config, Problems& problems);

// A Connect connector, from .json or .properties: one branch, named after it, into Kafka.
void take_connector(Settings all, const RunOptions& options, PipelineConfig& config,
                    Problems& problems);

// Debezium Server's debezium.source.*, debezium.sink.*, debezium.format.*.
void take_debezium_server(const Settings& all, const RunOptions& options, PipelineConfig& config,
                          Problems& problems);

}  // namespace millrace
