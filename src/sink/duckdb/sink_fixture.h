// For tests of the DuckDB sink: a file, a sink on it, and a look into the file.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sink/duckdb/duckdb_sink.h"
#include "wire/duckdb/query.h"
#include "wire/duckdb/test_rows.h"

namespace millrace::duckdb {

class KeptDeadLetters final : public DeadLetters {
 public:
  Result<void> add(const Change& change, const Error& why) override {
    added.push_back(format_lsn(change.lsn) + " " + why.message);
    return {};
  }

  Result<void> flush() override {
    ++flushed;
    return {};
  }

  std::vector<std::string> added;
  int flushed = 0;
};

class DuckDbSinkFixture : public testing::Test {
 protected:
  DuckDbSinkFixture() {
    find_test_library();
    std::string pattern = testing::TempDir() + "millrace-duckdb-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    config_.file = folder_ + "/warehouse.duckdb";
    branch_.name = "b";
    context_.pipeline = "p";
    context_.branch = "b";
    context_.dead_letters = &dead_;
  }

  ~DuckDbSinkFixture() override {
    sink_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  // Opens the sink (anew); what it has stored.
  Progress open() {
    sink_ = nullptr;
    sink_ = make_duckdb_sink(config_, branch_, context_);
    auto progress = sink_->open();
    EXPECT_TRUE(progress) << progress.error().text();
    return progress ? progress->value_or(Progress{}) : Progress{};
  }

  // Hands batches over and makes them durable together. "" or the error.
  std::string store(const std::vector<const TestBatch*>& batches) {
    for (const TestBatch* batch : batches) {
      if (auto done = sink_->write(batch->view()); !done) return done.error().text();
    }
    auto report = sink_->drain(steady_now() + Millis(10000));
    if (!report) return report.error().text();
    EXPECT_EQ(report->durable_seq, batches.back()->view().seq());
    return "";
  }

  std::string store(const TestBatch& batch) { return store({&batch}); }

  // Rows of a query, "a|b", NULL as ~.
  std::vector<std::string> rows(const std::string& sql) {
    auto database = Database::open(config_.file, {});
    if (!database) return {database.error().text()};
    std::vector<std::string> out;
    RowReader reader;
    reader.columns = [](const std::vector<std::string>&) {};
    reader.row = [&](TextRow row) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        line += i > 0 ? "|" : "";
        line += row[i].value_or("~");
      }
      out.push_back(line);
      return true;
    };
    auto done = query_rows(**database, sql, reader);
    return done ? out : std::vector{done.error().text()};
  }

  std::string folder_;
  DuckDbSinkConfig config_;
  BranchConfig branch_;
  SinkContext context_;
  KeptDeadLetters dead_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace millrace::duckdb
